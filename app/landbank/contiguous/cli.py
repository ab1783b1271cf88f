"""``landbank contiguous``."""

from typing import Annotated

import typer

from app.console import JsonFlag, command, print_json, print_table
from app.landbank.contiguous import schemas, service
from app.landbank.contiguous.params import ContiguousParams, block_query
from app.landbank.hectares.query import one_of


def contiguous(
    category: str = "industrial",
    max_gap: Annotated[str, typer.Option(help="Metres between outlines of one block")] = "20",
    min_hectares: Annotated[str, typer.Option(help="Smaller blocks are left out")] = "10",
    across_roads: Annotated[bool, typer.Option("--across-roads/--no-across-roads")] = True,
    as_of: str | None = None,
    known_at: str | None = None,
    programme: str | None = None,
    sub_district: str | None = None,
    community: str | None = None,
    project: str | None = None,
    within: str | None = None,
    f: Annotated[str, typer.Option(help="With --json: json or geojson")] = "json",
    as_json: JsonFlag = False,
) -> None:
    """Contiguous land: banked and candidate parcels that lie close together."""
    params = ContiguousParams(
        category=category, max_gap=max_gap, min_hectares=min_hectares, across_roads=across_roads, as_of=as_of,
        known_at=known_at, programme=programme, sub_district=sub_district, community=community, project=project,
        within=within, f=f,
    )  # fmt: skip
    with command() as run, run.session() as session:
        form = one_of("f", f, ("json", "geojson"))
        query = block_query(session, run.settings, params)
        blocks = service.contiguous(session, query)
    if as_json or form == "geojson":
        features = form == "geojson"
        print_json(
            schemas.contiguous_features(query, blocks, run.settings.srid)
            if features
            else schemas.contiguous_document(query, blocks)
        )
        return
    columns, rows = schemas.contiguous_cells(blocks)
    print_table(f"连片用地 contiguous · {query.land.as_of}", columns, rows, frozenset(columns[1:6]))
