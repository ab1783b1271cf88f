"""Alembic's entry: runs the migrations over the connection that ``app.migrate`` hands in."""

from alembic import context

from app.migrate import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
