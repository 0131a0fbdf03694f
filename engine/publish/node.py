"""What every record has in common: an id that finds it."""

import strawberry


@strawberry.interface(description="A record that can be fetched again by its id, with `node` or `nodes`.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="The record's id: opaque, unique everywhere, and sorted by age. Its prefix names the type."
    )
