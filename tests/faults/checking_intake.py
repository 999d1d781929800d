"""The part of the judge that follows what came in: accepted, refused, forwarded, or known already."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from tests.faults.case import ACCEPTED, DUPLICATE, REPORTS, Case, Flaws, repeated
from tests.faults.log import Log, decode
from tests.witness import Seen


def check_letters(log: Log, case: Case) -> Flaws:
    """Every record that was fed to be refused is one dead letter with its cause, position and bytes; no other is."""
    raw = {(seen.partition, seen.offset): seen for seen in log.raw}
    wanted = Counter(
        (one.partition, one.key, one.value, one.fate) for one in case.fed if one.fate not in (ACCEPTED, DUPLICATE)
    )
    found: Counter[Any] = Counter()
    for said in log.said["dead-letters"]:
        letter, origin = said.told, said.told["origin"]
        seen = raw.get((origin["partition"], origin["offset"]))
        if seen is None or not origin["topic"].endswith(".raw-events.v1"):
            yield f"{letter['cause']}: nothing was fed at {origin}"
            continue
        if letter["value"] != seen.value:
            yield f"{letter['cause']} at {origin['partition']}/{origin['offset']}: not its original bytes"
        is_forwarded = said.shard != seen.partition  # then the event alone came here
        headers = [] if is_forwarded else [{"name": name, "value": value} for name, value in seen.headers]
        if (letter["key"], letter["headers"]) != (None if is_forwarded else seen.key, headers):
            yield f"{letter['cause']} at {origin['partition']}/{origin['offset']}: another key, or other headers"
        if letter["noted_at"] != origin["timestamp"] or not letter["detail"]:
            yield f"{letter['cause']} at {origin['partition']}/{origin['offset']}: not noted when it came, or not why"
        found[seen.partition, seen.key, seen.value, letter["cause"]] += 1
    yield from (f"not refused, or not so: {one[3]} fed to {one[0]}, {one[2]!r}" for one in (wanted - found))
    yield from (f"refused, and was not to be: {one[3]} at {one[0]}, {one[2]!r}" for one in (found - wanted))
    origins = ((letter["origin"]["partition"], letter["origin"]["offset"]) for letter in log.told("dead-letters"))
    yield from (f"two dead letters of {place}" for place in repeated(origins))


def check_intake(log: Log, case: Case) -> Flaws:
    """Raw = accepted + duplicates + dead letters + forwarded, a routed record counted once; no id is accepted twice."""
    reports = [seen for seen in log.raw if _is_report(seen)]
    if len(log.raw) - len(reports) != len(case.fed):
        yield f"{len(case.fed)} were fed, {len(log.raw) - len(reports)} stand in raw-events"
    accepted = [(event["source"], event["event_id"]) for event in log.told("events")]
    yield from (f"accepted twice: {one}" for one in repeated(iter(accepted)))
    reported = [decode(seen.value or b"", "raw_event") for seen in reports]
    yield from _check_reports(log, reported)
    wanted = {_identity(one.event) for one in case.fed if one.event} | {_identity(event) for event in reported}
    yield from (f"lost: {one}" for one in sorted(wanted - set(accepted)))
    yield from (f"accepted out of nothing: {one}" for one in sorted(set(accepted) - wanted))
    duplicates = (
        sum(one.fate == DUPLICATE for one in case.fed) + len(reported) - len({_identity(one) for one in reported})
    )
    classified = len(accepted) + duplicates + len(log.said["dead-letters"])
    if classified != len(log.raw):
        yield f"{len(log.raw)} raw, {classified} accepted, duplicate or dead"
    misplaced = sum(one.partition != one.home for one in case.fed)
    homes = ((seen.partition, case.homes[one["profile_id"]]) for seen, one in zip(reports, reported, strict=True))
    misplaced += sum(partition != home for partition, home in homes)
    routed = log.said["routed-events"]
    if len(routed) != misplaced:
        yield f"{misplaced} were fed to another partition than their person's, {len(routed)} were forwarded"
    yield from _check_routed(log)
    yield from (
        f"forwarded twice: {one}"
        for one in repeated((r.told["origin"]["partition"], r.told["origin"]["offset"]) for r in routed)
    )


def check_order(log: Log, case: Case) -> Flaws:
    """What is accepted of a person is what was fed, in that order, whole, in the person's partition."""
    wanted: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in case.fed:
        if one.fate == ACCEPTED and one.event:
            wanted[one.event["profile_id"]].append({**one.event, "alias": one.alias or None})
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for said in log.said["events"]:
        event = said.told
        if said.partition != case.homes[event["profile_id"]] or said.key != event["profile_id"].encode():
            yield f"{event['event_id']} of {event['profile_id']} is in partition {said.partition}"
        if event["type"] not in REPORTS:
            found[event["profile_id"]].append({name: event[name] for name in event if name != "accepted_at"})
    for person in wanted.keys() | found.keys():
        if wanted[person] != found[person]:
            pairs = enumerate(zip(wanted[person], found[person], strict=False))
            where = next((place for place, (one, two) in pairs if one != two), "its end")
            yield f"{person}: {len(wanted[person])} fed, {len(found[person])} accepted, differ from {where} on"


def check_clock(log: Log, case: Case) -> Flaws:
    """An event's acceptance is the largest event time of its partition so far, or a later tick."""
    clocks: dict[int, int] = defaultdict(int)
    ticks = {(said.partition, said.told["ticked_at"]) for said in log.said["ticks"]}
    for said in log.said["events"]:
        event = said.told
        clock = clocks[said.partition] = max(clocks[said.partition], event["occurred_at"])
        if event["accepted_at"] > clock and (said.partition, event["accepted_at"]) in ticks:
            clocks[said.partition] = event["accepted_at"]
        elif event["accepted_at"] != clock:
            yield f"{event['event_id']}: accepted at {event['accepted_at']}, when the clock is {clock}"


def _check_routed(log: Log) -> Flaws:
    """What is forwarded says what was fed, and where it was."""
    raw = {(seen.partition, seen.offset): seen.value for seen in log.raw}
    for said in log.said["routed-events"]:
        origin, event = said.told["origin"], said.told["event"]
        value = raw.get((origin["partition"], origin["offset"])) or b"{}"
        came = json.loads(value) if value.startswith(b"{") else decode(value, "raw_event")
        name = came["profile_id"] if said.told["alias"] else event["profile_id"]
        is_same = repr(came) == repr({**event, "profile_id": name})  # what is not a number is not equal to itself
        if origin["partition"] != said.shard or not is_same or said.told["alias"] not in (None, came["profile_id"]):
            yield f"forwarded as something else than it came: {event['event_id']} at {origin}"
        if said.key != event["profile_id"].encode():
            yield f"forwarded under the key {said.key!r}: {event['event_id']} of {event['profile_id']}"


def _check_reports(log: Log, reported: list[dict[str, Any]]) -> Flaws:
    """What delivery channels report is accepted as they said it."""
    said = {_identity(one): one for one in reported}
    for event in log.told("events"):
        told = said.get(_identity(event))
        if event["type"] in REPORTS and told is not None and any(event[name] != told[name] for name in told):
            yield f"not as it was reported: {event['event_id']}"


def _identity(event: dict[str, Any]) -> tuple[str, str]:
    return event["source"], event["event_id"]


def _is_report(seen: Seen) -> bool:
    return b"channel:" in (seen.value or b"")
