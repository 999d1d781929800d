"""Everybody around a simulated deployment's workers, and whoever publishes its policy."""

from __future__ import annotations

from typing import Final

from agents.policy_topic import BUNDLE, CURRENT, canonical
from streams.policy import bundle_hash
from tests.builders import HOUR_MS, NOW, small_policy
from tests.simulation.delivering import Delivering
from tests.simulation.dice import Dice
from tests.simulation.post import Post
from tests.simulation.producers import Producers
from tests.simulation.serving import Serving

MIXED: Final = {"holdout": {"share": 0.25, "seed": "e"}, "exploration": {"epsilon": 0.3, "delta": 2.0, "salt": "s"}}
POLICIES: Final = (small_policy(**MIXED), small_policy(**MIXED, contexts=[]))
BUNDLES: Final = tuple((bundle_hash(policy).encode(), canonical(policy)) for policy in POLICIES)


class Outside:
    """Producers, a model's process, a delivery channel, and who publishes."""

    def __init__(self, post: Post) -> None:
        self.producers: Final = Producers(post)
        self.serving: Final = Serving(post)
        self.delivering: Final = Delivering(post, self.producers)
        self._post: Final = post

    def open(self) -> None:
        """Begin: a policy, models, and who is known as whom."""
        self._publish(0)
        self.serving.learn("v1", 0, 0.5)
        self.producers.tick(NOW)
        self.producers.link()

    def publish(self, dice: Dice) -> str:
        """Make one of the policies current, maybe the one that is."""
        number = dice.roll(len(POLICIES))
        self._publish(number)
        return f"policy {number}"

    def learn(self, _: Dice) -> str:
        """Publish versions that have learned until now, and a little longer."""
        until = self.producers.now + HOUR_MS
        self.serving.learn(f"v{until}", until, 0.9)
        return f"until {until}"

    def _publish(self, number: int) -> None:
        name, value = BUNDLES[number]
        self._post.send("policies", BUNDLE + name, value)
        self._post.send("policies", CURRENT, name)
