/** A dialog that takes a range or a moment as people type it, and offers the usual ones. */
import { useState } from "preact/hooks";
import { go, param } from "../state/url";
import { now, zone } from "../state/view";
import { Dialog } from "./parts";
import { duration, instant, moment, zoneName } from "./time";

const USUAL = ["15m", "1h", "4h", "12h", "1d", "7d", "30d"];
const HELP = "Try 14:05, 2h, yesterday 14:00 or 2026-11-22T14:05:00Z.";

export function RangeDialog({ onClose }: { onClose: () => void }) {
  const [from, setFrom] = useState(param("from")), [to, setTo] = useState(param("to")), [at, setAt] = useState(param("at"));
  const z = zone.value, t = now.value;
  const start = instant(from, t, z), end = instant(to, t, z), head = at ? instant(at, t, z) : t;
  const backwards = start !== undefined && end !== undefined && start >= end;
  const bad = start === undefined || end === undefined || head === undefined || backwards;
  const apply = (change: Record<string, string>) => { go({ view: "", ...change }); onClose(); };
  return (
    <Dialog title="Time" onClose={onClose}>
      <form class="times" onSubmit={event => { event.preventDefault(); if (!bad) apply({ from, to, at, live: to.trim() === "now" ? "on" : "off" }); }}>
        <div class="row wrap">{USUAL.map(each => <button key={each} type="button" class="btn small" aria-pressed={param("from") === `now-${each}`} onClick={() => apply({ from: `now-${each}`, to: "now", at: "", live: "on" })}>last {duration(t - (instant(each, t) ?? t))}</button>)}</div>
        <Field label="From" value={from} onInput={setFrom} read={start} error={start === undefined ? `${from} is not a time. ${HELP}` : backwards ? "This is not before the end." : ""} />
        <Field label="To" value={to} onInput={setTo} read={end} error={end === undefined ? `${to} is not a time. ${HELP}` : ""} />
        <Field label="Play-head" value={at} onInput={setAt} read={head} placeholder="where it is" error={head === undefined ? `${at} is not a time. ${HELP}` : ""} />
        <p class="note">Times without a zone are {zoneName(z)}.</p>
        <div class="row"><button class="btn main" type="submit" disabled={bad}>Show</button></div>
      </form>
    </Dialog>
  );
}

function Field({ label, value, onInput, read, error, placeholder = "" }: { label: string; value: string; onInput: (value: string) => void; read: number | undefined; error: string; placeholder?: string }) {
  const id = `time-${label}`;
  return (
    <label class="stack tight">
      <span>{label} <span class="mut">{read !== undefined && value ? moment(read, zone.value, now.value) : ""}</span></span>
      <input class="inp" value={value} placeholder={placeholder} spellcheck={false} aria-invalid={error !== ""} aria-describedby={error ? id : undefined} onInput={event => onInput(event.currentTarget.value)} />
      {error && <span id={id} class="wrong">{error}</span>}
    </label>
  );
}
