"""The GDAL drivers that may open an upload, and no other.

GDAL sniffs content: a VRT or a pipeline under any file name reads other files of the server or calls the network.
Shapefiles, GeoJSON and Parquet never go through GDAL; ours are the readers of app.uploads.formats.
"""

import os
from typing import Any

ALLOWED = frozenset(
    {"GPKG", "FlatGeobuf", "OpenFileGDB", "LIBKML", "GML", "MapInfo File", "ESRIJSON", "TopoJSON", "DXF", "MEM"}
)
REFUSED = (
    "PCIDSK", "PDS4", "VICAR", "PDF", "MBTiles", "EEDA", "OGCAPI", "GDALG", "ESRI Shapefile", "LVBAG", "S57", "DGN",
    "OGR_VRT", "VRT", "CSV", "GPX", "OGR_GMT", "SQLite", "WAsP", "GeoRSS", "VFK", "PGDUMP", "PostgreSQL", "OSM",
    "GPSBabel", "OGR_PDS", "WFS", "OAPIF", "EDIGEO", "Idrisi", "ODS", "XLS", "XLSX", "Elasticsearch", "Carto",
    "AmigoCloud", "SXF", "Selafin", "JML", "PLSCENES", "CSW", "VDV", "MVT", "NGW", "MapML", "GTFS", "PMTiles",
    "JSONFG", "MiraMonVector", "ADBC", "AVCBin", "AVCE00", "AIVector", "HTTP", "GTI", "Parquet", "Arrow",
    "MSSQLSpatial", "MySQL", "ODBC", "OCI", "netCDF", "HDF5", "TIGER", "UK .NTF", "Interlis 1", "Interlis 2", "GMLAS",
    "SOSI", "HANA", "DB2ODBC", "Memory", "Walk", "FileGDB", "CAD", "DWG", "S111", "STACTA", "STACIT", "DAAS", "WMS",
    "GeoJSON", "GeoJSONSeq", "KML",
)  # fmt: skip
"""Every vector driver known that is not in ALLOWED. Names with spaces stand unquoted: quoted, GDAL keeps the driver."""
ENVIRONMENT = {
    "GDAL_SKIP": ",".join(REFUSED),
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_HTTP_TIMEOUT": "1",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "PROJ_NETWORK": "OFF",
    "DXF_CLOSED_LINE_AS_POLYGON": "TRUE",
}


def restrict() -> None:
    """Set the allow-list; must run before pyogrio is first imported."""
    os.environ.update(ENVIRONMENT)


def gdal() -> Any:
    """pyogrio, with the drivers that it registered asserted. Every use of GDAL on an upload goes through here.

    Raises ``RuntimeError`` when a driver beyond ALLOWED is there. The import takes a third of a second or more, so
    it waits until a file needs it.
    """
    restrict()
    import pyogrio  # noqa: PLC0415 - only after the environment is set, and only when needed

    foreign = set(pyogrio.list_drivers()) - ALLOWED
    if foreign:
        raise RuntimeError(f"GDAL drivers beyond the allow-list: {', '.join(sorted(foreign))}")
    return pyogrio
