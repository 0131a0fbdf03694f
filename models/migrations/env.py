"""What alembic runs: the migrations, on the connection that models.migrate has opened."""

from alembic import context

import models

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=models.Base.metadata, transaction_per_migration=False)
context.run_migrations()
