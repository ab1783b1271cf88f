"""OGC CQL2 filters: text or JSON in, a SQLAlchemy condition out, every literal a bound value.

``parse`` guards the text and gives CQL2 JSON; ``condition`` compiles that over the queryables of one collection.
Source: OGC 21-065r2, Common Query Language (CQL2).
"""

from app.cql2.compiler import condition
from app.cql2.reading import parse
from app.cql2.terms import Queryable, Queryables

__all__ = ["Queryable", "Queryables", "condition", "parse"]
