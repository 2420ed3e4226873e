"""What every service that owns documents begins with: its topics, its store, and the way from there to the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.bus.cluster import Cluster
from shared.bus.consumer import Consumer
from shared.bus.publisher import Publisher
from shared.bus.received import Handle
from shared.documents import Documents
from shared.installation import ConsumerGroup
from shared.mongo import Mongo
from shared.outbox import Relay
from shared.service import Part

if TYPE_CHECKING:
    from shared.settings import ServiceSettings


class Owner:
    """The service `name`, which alone changes its documents and tells of them on the topic of that name."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.topics = settings.topics
        self.mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_{name}")
        self.publisher = Publisher(self.topics)
        self._dead_letter_limit = settings.dead_letter_limit

    def parts(self, documents: Documents[Any]) -> dict[str, Part]:
        """The parts of its process that come first, in the order in which they start."""
        return {
            "topics": Cluster(self.topics),
            "store": self.mongo,
            "publisher": self.publisher,
            "relay": Relay(self.name, documents, self.publisher, self.name),
        }

    def consumer(self, group: ConsumerGroup, handle: Handle) -> Consumer:
        """Follows the topics of a group."""
        return Consumer(
            self.topics,
            self.publisher,
            group.name,
            group.topics,
            handle,
            gather=group.gather,
            dead_letter_limit=self._dead_letter_limit,
        )
