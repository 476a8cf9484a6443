"""The BentoML service: one typed endpoint for each prediction, and what is around them."""

from typing import Any

import bentoml

from models import predictions
from models.errors import ForesellError
from service.access import Access
from service.bodies import Bodies, Failures
from service.calls import Calls
from service.current import Current, open_current, releases_folder
from service.drain import Drain
from service.endpoints import endpoints, route_of
from service.environment import WORKERS_ENV, number_of, seconds_of
from service.first_start import FirstStart
from service.freshness import Freshness
from service.guard import Guard
from service.headers import limit_headers
from service.lean import leave_out
from service.metrics import LATENCY_BUCKETS, AnswerMetrics, ErrorMetrics, LogMetrics, ReleaseMetrics
from service.metrics_folder import make_folder, use_folder
from service.pages import SHARED_ROUTES, pages, refused
from service.pool import Pool, Room
from service.prediction_log import open_log
from service.supervisor import listen
from service.watch import Watch

DEADLINE_ENV = "FORESELL_DEADLINE_SECONDS"
DEADLINE_SECONDS, MOST_SECONDS = 10.0, 50.0
"""What takes a minute is taken for stuck."""
QUERIES_WAITING = 8
"""Questions over everybody that wait for the one at work."""


class Base:
    """What every endpoint shares."""

    current: Current
    # called in the process that starts the workers
    deploy = bentoml.on_deployment(listen)
    figures = bentoml.on_deployment(make_folder)

    def __init__(self) -> None:
        DRAIN.install()
        self.current = open_current(Freshness.of_environment([prediction.name for prediction in PREDICTIONS]))
        releases = releases_folder()
        metrics = ReleaseMetrics()
        metrics.tell(self.current)
        self.answers = AnswerMetrics()
        self.log = open_log(LogMetrics())
        self.watch = Watch(self.current, releases, told=metrics.tell) if releases else None
        if self.watch:
            self.watch.start()
        self.first_start = FirstStart(self.current, watched=self.watch is not None)
        self.first_start.start()
        self.pool = Pool()
        # seconds of work each, over everybody: one at a time, so that calls about customers keep their processors
        self.queries = Pool(workers=1, waiting=QUERIES_WAITING)
        self.room = Room()
        self.deadline_seconds = seconds_of(DEADLINE_ENV, DEADLINE_SECONDS, least=0.1, most=MOST_SECONDS)
        _PAGES.state.current = self.current
        _PAGES.state.host = self

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Begin nothing new."""
        self.pool.close()
        self.queries.close()
        self.first_start.stop()
        if self.watch:
            self.watch.stop()
        if self.log:
            self.log.close()

    async def __is_alive__(self) -> bool:
        """Say whether large calls could be answered; ``GET /livez`` asks, and who runs the service restarts it."""
        return not (self.pool.is_stuck or self.queries.is_stuck)

    async def __is_ready__(self) -> bool:
        """Say whether a verified release is open and the end is not near; ``GET /readyz`` asks.

        Raises
        ------
        ForesellError
            Why there is none.
        """
        return bool(self.current.release) and not DRAIN.begun


class GuardedService(bentoml.Service):  # type: ignore[misc]
    """A BentoML service whose whole application, BentoML's own routes included, answers in our shape."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """Return the application that a worker runs."""
        leave_out()
        use_folder()
        errors = ErrorMetrics()
        limit_headers(errors)
        app = super().to_asgi(is_main)
        app.add_exception_handler(ForesellError, refused)
        # it keeps a timer of each call for a minute, and waits as long for a caller who went away: ours have a deadline
        app.user_middleware = [each for each in app.user_middleware if each.cls.__name__ != "TimeoutMiddleware"]
        return Guard(app, ROUTES, Access.of_environment(), DRAIN, errors)


DRAIN = Drain()
PREDICTIONS = predictions()
ROUTES = {route_of(prediction): ("POST",) for prediction in PREDICTIONS} | SHARED_ROUTES
_PAGES = pages(PREDICTIONS)

Foresell = bentoml.service(
    name="foresell",
    service_class=GuardedService,
    workers=int(number_of(WORKERS_ENV, 1, least=1, most=64, unit="processes")),
    # BentoML's largest cost by far, even at a sample rate of 0
    tracing={"excluded_urls": [".*"]},
    logging={"access": {"enabled": False}},
    metrics={"enabled": True, "duration": {"buckets": LATENCY_BUCKETS}},
)(type("Foresell", (Base,), endpoints(PREDICTIONS)))
Foresell.add_asgi_middleware(Failures)
Foresell.add_asgi_middleware(Bodies, paths=[route_of(prediction) for prediction in PREDICTIONS])
Foresell.add_asgi_middleware(Calls, predictions=PREDICTIONS, state=_PAGES.state)
Foresell.mount_asgi_app(_PAGES, path="/", name="pages")
