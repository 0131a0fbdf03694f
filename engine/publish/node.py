"""What every record has in common: an id that finds it."""

import strawberry


@strawberry.interface(description="A record that `node` and `nodes` find by its id.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="The record's id: opaque, globally unique, and sorted by age. Its prefix names the type."
    )
