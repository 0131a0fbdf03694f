"""The types of the fixtures that run the API."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from engine.documents import Documents
from engine.plans import Plan

BoundStatement = tuple[Documents, OrderedDict[Hashable, Plan]]


Api = Callable[..., Awaitable[dict[str, Any]]]
