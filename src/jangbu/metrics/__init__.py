"""What this process counts, in a registry of its own (ADR 0015).

Callers hand over facts as they happen; nothing here can fail them, and nothing is shared with another `Metrics`.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jangbu import __version__
from jangbu.metrics import names

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters and histograms of one process."""

    def __init__(self, *, mode: str = "sandbox") -> None:
        self.registry = CollectorRegistry()
        self._requests = _counter(names.REQUESTS, self.registry)
        self._request_seconds = _histogram(names.REQUEST_SECONDS, self.registry)
        self._webhook_seconds = _histogram(names.WEBHOOK_SECONDS, self.registry)
        self._confirm_seconds = _histogram(names.CONFIRM_SECONDS, self.registry)
        self._portone_seconds = _histogram(names.PORTONE_SECONDS, self.registry)
        self._job_seconds = _histogram(names.JOB_SECONDS, self.registry)
        self._delivery_seconds = _histogram(names.DELIVERY_SECONDS, self.registry)
        self.registry.register(_Now(self._gauges))
        ProcessCollector(registry=self.registry)
        self._mode = mode
        self._pools: dict[str, Callable[[], dict[str, int]]] = {}

    def request(self, route: str, method: str, status: str, seconds: float) -> None:
        """An HTTP request was answered."""
        method = method if method in METHODS else "other"
        self._requests.labels(route, method, status).inc()
        self._request_seconds.labels(route, method).observe(seconds)

    def webhook(self, result: str, seconds: float) -> None:
        """PortOne has its answer to a webhook."""
        self._webhook_seconds.labels(result).observe(seconds)

    def confirm_answer(self, answer: str, seconds: float) -> None:
        """PortOne has its answer to whether money may be taken."""
        self._confirm_seconds.labels(answer).observe(seconds)

    def portone_call(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to PortOne came to something."""
        self._portone_seconds.labels(operation, outcome).observe(seconds)

    def job(self, name: str, outcome: str, seconds: float) -> None:
        """A job ran."""
        self._job_seconds.labels(name, outcome).observe(seconds)

    def delivery(self, outcome: str, seconds: float) -> None:
        """An endpoint of the merchant's was tried."""
        self._delivery_seconds.labels(outcome).observe(seconds)

    def watch_pool(self, name: str, state: Callable[[], dict[str, int]]) -> None:
        """Show a pool of connections; `state` is asked at each scrape."""
        self._pools[name] = state

    def _gauges(self) -> Iterable[Metric]:
        build = gauge(names.BUILD)
        build.add_metric([__version__, self._mode], 1)
        connections, most = gauge(names.CONNECTIONS), gauge(names.CONNECTIONS_MAX)
        for name, state in self._pools.items():
            now = state()
            connections.add_metric([name, "in_use"], now["size"] - now["idle"])
            connections.add_metric([name, "idle"], now["idle"])
            most.add_metric([name], now["max"])
        return build, connections, most


class _Now(Collector):
    """Gauges made at the moment of the scrape."""

    def __init__(self, made: Callable[[], Iterable[Metric]]) -> None:
        self._made = made

    def collect(self) -> Iterable[Metric]:
        return self._made()

    def describe(self) -> Iterable[Metric]:
        return ()


def gauge(metric: names.Metric) -> GaugeMetricFamily:
    """An empty family of this metric."""
    assert metric.kind == "gauge", metric.name
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def _counter(metric: names.Metric, registry: CollectorRegistry) -> Counter:
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def _histogram(metric: names.Metric, registry: CollectorRegistry) -> Histogram:
    return Histogram(metric.name, metric.help, metric.labels, buckets=SECONDS, registry=registry)
