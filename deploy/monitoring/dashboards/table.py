"""All dashboards."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.dashboards.api import API
from deploy.monitoring.dashboards.contact_policy import CONTACT_POLICY
from deploy.monitoring.dashboards.decisions import DECISION
from deploy.monitoring.dashboards.delivery import DELIVERY
from deploy.monitoring.dashboards.internals import INTERNALS
from deploy.monitoring.dashboards.models import MODELS
from deploy.monitoring.dashboards.quality import DATA_QUALITY
from deploy.monitoring.dashboards.stream import STREAM

DASHBOARDS: Final = (STREAM, DECISION, MODELS, CONTACT_POLICY, DELIVERY, API, DATA_QUALITY, INTERNALS)
