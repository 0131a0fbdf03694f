"""Choosing the forecast category of a lead."""

import strawberry

import models
from engine.publish.fields import change, id_of, optional, ref
from engine.publish.payload import ChangeInput, Payload
from models.rules.roles import Role
from models.rules.stage_kind import ForecastCategory
from resolvers.changes.leads import forecast_category
from schema.types.lead import Lead


@strawberry.input(description="The forecast category of a lead.")
class SetForecastCategoryInput(ChangeInput):
    lead_id: strawberry.ID = id_of("lead", "The lead.")
    category: ForecastCategory | None = optional(
        "The category, which stays however the lead moves; not CLOSED. Null, or omitted: that of its stage counts "
        "again."
    )
    expected_version: int | None = optional("Refuse with CONFLICT unless the lead is at this version.")


@strawberry.type(description="Result of `setForecastCategory`.")
class SetForecastCategoryPayload(Payload):
    lead: Lead | None = ref(models.Lead, "The lead as it is now.")


@strawberry.type(description="The mutations of forecast categories.")
class ForecastCategoryMutations:
    set_forecast_category: SetForecastCategoryPayload | None = change(
        forecast_category.set_forecast_category,
        SetForecastCategoryInput,
        "Choose the forecast category of an open lead, instead of that of its stage. The event says who did.",
        role=Role.REP,
        checks=forecast_category.check_category,
    )
