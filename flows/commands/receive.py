"""`dualflow receive`: take what both systems tell of changes by themselves."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.opened import pair_of
from flows.commands.output import AsJson, console, emit, note
from flows.installation import installation
from mappings.errors import FatalError

if TYPE_CHECKING:
    from tasks.state.store import Store

CATALOG = "System administration > Set up > Business events > Business events catalog, tab Data event catalog"


def receive(
    register: Annotated[
        bool,
        typer.Option(
            "--register", help="Only register the webhooks in Dataverse, for the maps' tables; then end."
        ),
    ] = False,
    unregister: Annotated[
        bool, typer.Option("--unregister", help="Only take the webhooks out of Dataverse; then end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Receive F&O's data and business events and Dataverse's webhooks until Ctrl-C; the delta sync then follows at once.

    Settings: DUALFLOW_RECEIVER_SECRET (what senders must know), _HOST and _PORT (127.0.0.1, 4270), _CERTIFICATE and _KEY (PEM, for
    HTTPS), _PLAIN=true (plain HTTP beyond this machine, behind a proxy), _LIMIT (bytes a request), _URL (as the systems reach it);
    DUALFLOW_BUSINESS_EVENTS (BusinessEventId=EntitySet,…). F&O's events are activated in its own catalog; --register says how.

    Example: dualflow receive
    """
    if register and unregister:
        raise FatalError("--register and --unregister exclude each other", code="usage", remedy="choose one")
    with installation(note):
        if register or unregister:
            _register(unregister, as_json)
        else:
            _serve()


def _serve() -> None:
    from flows.receiver import Receiver, refuse_plain, serve
    from tasks.state.store import Store
    from tasks.sync.receiving import Reception
    from tasks.sync.settings import load_receiver_settings

    settings = load_receiver_settings()
    refuse_plain(settings)
    secret = _secret(settings)
    catalogue = settings.catalogue()
    with Store.open(settings.state_url, durable=True) as store:
        reception = Reception(
            store, catalogue, lambda: _pair(store, settings.fno_url), settings.business_events
        )
        receiver = Receiver(reception, secret, settings.receiver_limit)
        # asked to end by a signal, the service answers what is under way and hands the signal on to us
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            serve(receiver, settings, lambda address: note(f"receiving at {address}"))
        except KeyboardInterrupt:
            note("ended; all that was answered with 200 is stored")


def _secret(settings: Any) -> str:
    if settings.receiver_secret is None:
        raise FatalError(
            "events are received only from senders that know a secret, and none is set",
            code="receiver_secret",
            remedy="set DUALFLOW_RECEIVER_SECRET to at least 16 random letters and digits",
        )
    return str(settings.receiver_secret.get_secret_value())


def _pair(store: Store, fno_url: str) -> int | None:
    try:
        return pair_of(store, fno_url)
    except FatalError:
        return None  # nothing ran yet: nothing is in sync that could change


def _register(remove: bool, as_json: bool) -> None:
    from tasks.sync.connecting import connect
    from tasks.sync.settings import load_settings
    from tasks.sync.webhooks import entities, register, unregister

    settings = load_settings()
    secret = "" if remove else _secret(settings)
    if not remove and settings.receiver_url is None:
        raise FatalError(
            "Dataverse has to know where the receiver is",
            code="receiver_url",
            remedy="set DUALFLOW_RECEIVER_URL to its address as Dataverse reaches it, https://…/events",
        )
    catalogue = settings.catalogue()
    maps = [catalogue.get(name) for name in settings.maps] or list(catalogue.maps.values())
    fno, dataverse = connect(settings)
    url = settings.receiver_url or ""
    try:
        done = unregister(dataverse) if remove else register(dataverse, maps, url, secret)
    finally:
        fno.close()
        dataverse.close()
    by_hand = [] if remove else entities(maps)

    def show() -> None:
        console().print(
            f"Dataverse: {done.created} webhooks registered, {done.kept} were there, {done.removed} removed"
        )
        for table in done.absent:
            console().print(f"  {table}: Dataverse has no such table, or lets nobody listen to it")
        if by_hand:
            console().print(
                f"F&O has no API for the rest. {CATALOG}:\nactivate create, update and delete of these entities, in the"
                f" companies in scope, with an HTTPS endpoint whose address is {settings.receiver_url}?code=<secret>:"
            )
            console().print(", ".join(by_hand))

    emit({**done.to_json(), "activate": by_hand}, as_json, show)
