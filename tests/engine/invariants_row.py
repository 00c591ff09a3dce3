"""What must hold for one row: where it is, what it holds, how it is linked (I1 to I4, I6, I8, I10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.engine.rest import OTHER, SIDES, Conflict, Edit, Field, Name, Rest, Side, Stored


class One:
    """One row, and all there is to say about it."""

    def __init__(self, rest: Rest, row: Name) -> None:
        self.rest, self.row = rest, row
        self.rules = rest.rules[row[0]]
        self.edits = [edit for edit in rest.edits if edit.row == row]
        self.kin = [edit for edit in rest.edits if edit.row[1] == row[1] and edit.row[0] in self.rules.kin]
        self.start: dict[Side, Stored | None] = {side: rest.start[side].get(row) for side in SIDES}
        self.now: dict[Side, Stored | None] = {side: rest.now[side].get(row) for side in SIDES}
        self.conflicts = [each for each in rest.conflicts if each.row == row]
        # who waits for a row that both sides have waits for nothing
        self.waits = any(
            each.row == row and not all(each.parent in rest.now[side] for side in SIDES)
            for each in rest.waiting
        )
        self.wanted = {side: self._last_word(side) for side in SIDES}

    def wrong(self) -> Iterator[str]:
        fno, dataverse = self.now["fno"], self.now["dataverse"]
        yield from self._identity()
        if any(parked.row == self.row and self.rest.excused(parked) for parked in self.rest.parked):
            return  # nothing flows before somebody has settled it
        if any(stored is not None and not stored.inside for stored in (fno, dataverse)):
            yield from self._left()
            return
        yield from self._presence()
        if fno is not None and dataverse is not None and dataverse.active:
            for each in self.rules.fields:
                yield from self._field(each, fno.values[each.name], dataverse.values[each.name])

    # I6: presence

    def _last_word(self, side: Side) -> bool:
        """Does this side's user want the row? Who did not delete it last wants it, once it is there.

        A row that came back after a delete, and is edited again, is wanted again.
        """
        wanted = self.start[side] is not None
        for edit in self.edits:
            if edit.side == side:
                wanted = edit.kind != "delete"
        return wanted

    def deleted_at(self, side: Side) -> int:
        return max((e.at for e in self.edits if e.side == side and e.kind == "delete"), default=-1)

    def _presence(self) -> Iterator[str]:
        there = {side: self.now[side] is not None for side in SIDES}
        deleters = [side for side in SIDES if self.deleted_at(side) >= 0]
        alone = there["fno"] != there["dataverse"]
        gone: Side = "fno" if not there["fno"] else "dataverse"
        how = self.rules.deletes(OTHER[gone])
        if alone and self.waits:
            return
        if alone and how != "propagate" and gone in deleters:
            kept = self.now[OTHER[gone]]
            news = list(self._unseen(gone))
            if (
                how == "deactivate"
                and kept is not None
                and kept.active
                and not news
                and not self._made(OTHER[gone])
            ):
                yield "I6 the row that was deleted on the other side is still active"
            return
        if alone:
            yield f"I1 only {'F&O' if there['fno'] else 'Dataverse'} has the row"
            return
        present = there["fno"]
        if not any(self.wanted.values()):
            if present:
                yield "I6 nobody wants the row, and it is there"
            return
        if all(self.wanted.values()):
            if not present:
                yield "I6 the row vanished, though nobody deleted it for good"
            return
        deleter: Side = "fno" if not self.wanted["fno"] else "dataverse"
        if deleter not in deleters:
            # it never was there: the other side's row has to come over
            if not present:
                yield "I6 the row vanished, though nobody deleted it"
            return
        yield from self._deleted(deleter, present)

    def _deleted(self, deleter: Side, present: bool) -> Iterator[str]:
        if self.rules.deletes(OTHER[deleter]) != "propagate":
            if not present:
                yield "I6 the row is gone, though the map lets nobody delete it"
            return
        news = list(self._unseen(deleter))
        # what had lost, on record, before the delete need not come back, and who puts back what the deleter saw says nothing new
        must_stay = [edit for edit in news if not self._lost(edit) and not self._put_back(edit, deleter)]
        if must_stay and not present:
            edit = must_stay[0]
            yield f"I6 the row is gone on both sides with {edit.side}'s {dict(edit.values)} that the deleter never saw"
        elif self.rest.faults:
            return
        elif not news and present and not self._as_it_was(OTHER[deleter]) and not self._alike(deleter):
            yield "I6 deleted on one side and untouched on the other, and it is there"
        elif (
            self.rules.connected
            and present
            and not any(self._as_it_was(side) for side in SIDES)
            and all(edit.at < self.deleted_at(deleter) and edit.kind == "set" for edit in news)
            and not any(c.kind in ("delete", "conflict", "no_base") for c in self.conflicts)
        ):
            yield "I4 a delete lost against an edit, and no conflict is recorded"

    def _as_it_was(self, side: Side) -> bool:
        """Did a user make the row again with values that it had before? Then nobody can say who saw which."""
        known = [stored.values for stored in self.start.values() if stored is not None]
        for edit in self.edits:
            if (
                edit.side == side
                and edit.kind == "create"
                and dict(edit.values) in [dict(each) for each in known]
            ):
                return True
            known.append(edit.values)
        return False

    def _alike(self, deleter: Side) -> bool:
        """Did both users set the same value? Then nobody can say whose the deleter had seen; it takes a record."""
        own = [(name, value) for e in self.edits if e.side == deleter for name, value in e.values.items()]
        return any(
            (name, value) in own for e in self.standing(OTHER[deleter]) for name, value in e.values.items()
        ) and any(c.kind == "delete" for c in self.conflicts)

    def _made(self, side: Side) -> bool:
        return any(edit.side == side and edit.kind == "create" for edit in self.edits)

    def _lost(self, edit: Edit) -> bool:
        return any(
            c.loser == edit.side and c.kind != "delete" and self.names(c, each)
            for c in self.conflicts
            for each in self.rules.fields
            if each.name in edit.values
        )

    def _put_back(self, edit: Edit, deleter: Side) -> bool:
        """Does an edit say nothing that had not been visible to the deleter?"""
        at = self.deleted_at(deleter)
        seen = next((edit.seen for edit in self.edits if edit.at == at), {})
        own = [each for each in self.rules.fields if each.name in edit.values and each.source != deleter]
        return edit.kind == "set" and all(
            each.forms(edit.values[each.name]) & set(seen.get(each.name, ())) for each in own
        )

    def _unseen(self, deleter: Side) -> Iterator[Edit]:
        """The other side's edits that were not visible to the deleter."""
        at, side = self.deleted_at(deleter), OTHER[deleter]
        seen = next((edit.seen for edit in self.edits if edit.at == at), {})
        for each in self.rules.fields:
            if each.source == deleter:
                continue  # no word in this field
            edit = self.last(side, each.name)
            if edit is not None and (
                edit.at > at or not each.forms(edit.values[each.name]) & set(seen.get(each.name, ()))
            ):
                yield edit

    # rows outside a filter

    def _left(self) -> Iterator[str]:
        fno, dataverse = self.now["fno"], self.now["dataverse"]
        edited = any(edit.side == "dataverse" for edit in self.edits) or self.rest.faults
        if fno is None or fno.inside or edited or self.start["dataverse"] is None:
            return
        if self.rules.on_leave == "deactivate" and (dataverse is None or dataverse.active):
            yield "I6 the row left the filter of F&O, and in Dataverse it is not inactive"
        if self.rules.on_leave == "delete" and dataverse is not None:
            yield "I6 the row left the filter of F&O, and in Dataverse it is still there"
        if self.rules.on_leave == "detach" and (dataverse is None or not dataverse.active):
            yield "I6 the row left the filter of F&O, and Dataverse's is gone"

    # I1 to I4: values

    def standing(self, side: Side) -> list[Edit]:
        """A side's edits since its user last deleted the row: a delete withdraws what came before it.

        Before a first connection nobody has seen the other side: there the row as it was at the start is an edit like any other.
        """
        at = self.deleted_at(side)
        edits = [e for e in self.edits if e.side == side and e.at > at and e.kind != "delete"]
        start = self.start[side]
        if not self.rules.connected and start is not None and at < 0:
            nothing = {name: frozenset[str]() for name in start.values}
            edits.insert(0, Edit(-1, side, self.row, "create", start.values, nothing))
        return edits

    def last(self, side: Side, name: str) -> Edit | None:
        """A side's last word about a field, if it stands."""
        return next((e for e in reversed(self.standing(side)) if name in e.values), None)

    def _withdrawn(self, side: Side, name: str) -> list[Edit]:
        """What a side said last about a field before each of its deletes: the other side may hold any of them."""
        out: list[Edit] = []
        said: Edit | None = None
        for edit in self.edits:
            if edit.side == side and edit.kind == "delete":
                out += [said] if said is not None else []
                said = None
            elif edit.side == side and name in edit.values:
                said = edit
        return out

    def names(self, record: Conflict, each: Field) -> bool:
        """Is this record about a value of this field?"""
        return record.kind in ("conflict", "no_base", "delete", "drift") and bool(
            each.records & set(record.fields)
        )

    def _field(self, each: Field, fno: str, dataverse: str) -> Iterator[str]:
        name = each.name
        kept_open = any(c.open and c.kind == "conflict" and self.names(c, each) for c in self.conflicts)
        equal_to_fno, equal_to_dataverse = (
            fno == each.keeps("fno", dataverse),
            dataverse == each.keeps("dataverse", fno),
        )
        if kept_open and fno == dataverse:
            yield f"I5 {name}: a conflict is still open, though both sides say {fno!r}"
        if not equal_to_fno and not equal_to_dataverse and not kept_open and not self.waits:
            yield f"I1 {name}: F&O {fno!r}, Dataverse {dataverse!r}"
            return
        starts = [stored.values[name] for stored in self.start.values() if stored is not None]
        images = {form for value in starts for form in each.forms(value)}
        images |= {
            form for e in (*self.edits, *self.kin) if name in e.values for form in each.forms(e.values[name])
        }
        for side, value in (("fno", fno), ("dataverse", dataverse)):
            if value not in images and not (value == "" and self.waits):
                yield f"I2 {name} on {side}: {value!r} was never set by anybody"
        if self.waits:
            return
        if each.source is not None:
            yield from self._one_way(each, each.source, {"fno": fno, "dataverse": dataverse})
            return
        yield from self._sent_back(each, {"fno": fno, "dataverse": dataverse})
        if not kept_open:
            yield from self._last_of_one(each, fno, starts)
        yield from self._losers(each, {fno, dataverse}, kept_open)

    def _sent_back(self, each: Field, values: Mapping[Side, str]) -> Iterator[str]:
        """What a service makes of a value never goes back to where the value came from."""
        if self.rest.faults or any(edit.kind != "set" for edit in self.edits) or not self.rules.connected:
            return
        for side in SIDES:
            own, start = self.last(side, each.name), self.start[side]
            if start is None or self.last(OTHER[side], each.name) is not None or self.kin:
                continue
            word = own.values[each.name] if own is not None else start.values[each.name]
            if values[side] != word and values[side] in each.forms(word):
                yield f"I3 {each.name}: {side}'s {word!r} came back as {values[side]!r}"

    def _last_of_one(self, each: Field, value: str, starts: Sequence[str]) -> Iterator[str]:
        name = each.name
        last = {side: self.last(side, name) for side in SIDES}
        words = [edit.values[name] for edit in last.values() if edit is not None]
        # a value that its own side's delete withdrew may have travelled before
        back = [edit for side in SIDES if last[side] is None for edit in self._withdrawn(side, name)]
        # before a first connection, what stood there from the start is withdrawn with its row as well
        start = not self.rules.connected and any(
            last[side] is None and self.start[side] is not None for side in SIDES
        )
        if back or start:
            words += [edit.values[name] for edit in back]
            # who brings the row back with an edit brings along what stood beside it
            words += [
                word
                for side in SIDES
                if last[side] is None
                for edit in self.standing(OTHER[side])
                for word in edit.seen.get(name, ())
            ]
            words += starts
        if each.group and any(
            other.group == each.group and other.name in edit.values
            for other in self.rules.fields
            for edit in self.edits
        ):
            # who wins in one field of a group wins in all of them, with what stood there before
            words += [*starts, *(edit.values[name] for edit in self.edits if name in edit.values)]
        if self.kin:
            # what came over by another map of the table
            words += [edit.values[name] for edit in self.kin if name in edit.values] + list(starts)
        # what a delete withdrew may already have won, on record, before a crash
        withdrawn = self.rest.faults and any(self.names(c, each) for c in self.conflicts)
        if words and not any(value in each.forms(word) for word in words) and not withdrawn:
            yield f"I3 {name}: {value!r} is not the last word of any side ({', '.join(words)})"
        if not words and not any(value in each.forms(word) for word in starts):
            yield f"I3 {name}: {value!r} though nobody edited it"

    def _losers(self, each: Field, stand: set[str], kept_open: bool) -> Iterator[str]:
        name = each.name
        last = {side: self.last(side, name) for side in SIDES}
        for side in SIDES:
            edit, winner = last[side], last[OTHER[side]]
            if edit is None or (each.forms(edit.values[name]) & stand and not kept_open):
                continue
            if (
                winner is not None
                and any(each.looks_like(edit.values[name], value) for value in winner.seen.get(name, ()))
                and each.forms(winner.values[name]) & stand
            ):
                continue  # the winner saw what it replaced
            if self.rest.faults and not self.rules.connected and edit.values[name] in edit.seen.get(name, ()):
                continue  # after a crash, a value that was put back is told from one that never was changed by nobody
            if not any(self.names(c, each) for c in self.conflicts):
                yield f"I4 {name}: {side}'s {edit.values[name]!r} lost against {stand}, and no conflict is recorded"

    def _one_way(self, each: Field, source: Side, values: Mapping[Side, str]) -> Iterator[str]:
        """The source's last word counts; what the target's users did about it is on record as drift."""
        name = each.name
        own, strayed = self.last(source, name), self.last(OTHER[source], name)
        if own is not None and values[source] != own.values[name]:
            yield f"I3 {name}: {source} said {own.values[name]!r} last, and {values[source]!r} stands there"
        start = self.start[source]
        if (
            own is None
            and start is not None
            and not self.deleted_at(source) >= 0
            and values[source] != start.values[name]
        ):
            yield f"I3 {name}: {values[source]!r} on {source}, whose users never touched it"
        if (
            strayed is None
            or strayed.kind == "create"
            or each.forms(strayed.values[name]) & set(values.values())
        ):
            return
        untouched = (
            not any(edit.side == source for edit in self.edits) and not self.deleted_at(OTHER[source]) >= 0
        )
        if untouched and not any(c.kind == "drift" and self.names(c, each) for c in self.conflicts):
            yield f"I5 {name}: {OTHER[source]}'s {strayed.values[name]!r} was overwritten, and no drift is recorded"

    # I8 and I10: identity

    def _identity(self) -> Iterator[str]:
        links = [link for link in self.rest.links if link.row == self.row]
        fno, dataverse = self.now["fno"], self.now["dataverse"]
        if len(links) > 1:
            yield f"I8 {len(links)} links of one row"
        for link in links:
            if link.intent and not self.waits:  # who waits keeps what it was about to be
                yield "I8 an intent is still open"
            if fno is None and dataverse is None:
                yield f"I8 a {link.state} link of a row that is gone"
        if fno is None or dataverse is None:
            return
        if not (fno.inside and dataverse.inside and dataverse.active):
            return
        if not links:
            yield "I8 no link of a row that both sides have"
        for link in links:
            if link.state != "paired":
                yield f"I8 the link is {link.state}"
            if link.dataverse_id != dataverse.id:
                yield "I8 the link names another Dataverse row"
            if link.fno != fno.values.get("key", self.row[1]):
                yield f"I8 the link names the F&O row {link.fno}"
        for side in SIDES:
            yield from self._kept(side)

    def _kept(self, side: Side) -> Iterator[str]:
        start, now = self.start[side], self.now[side]
        own = {edit.kind for edit in self.edits if edit.side == side}
        if start is None or now is None or own & {"delete", "create"}:
            return
        if now.id == start.id:
            if now.rest != start.rest:
                yield f"I10 what no map names was changed on {side}"
        elif self.rules.on_leave != "delete" and not any(edit.kind == "delete" for edit in self.edits):
            yield f"I10 the row on {side} was replaced by another"
