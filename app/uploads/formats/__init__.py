"""The file formats of uploads, one family a file; each fills a ``Source`` in the CRS of the file."""
