/** Beside the object: drift with its onset, the values of a field over time, what components said, its lives. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { objectPath, Refused } from "../../api/client";
import type { Life, Span } from "../../api/types";
import { useAnswer } from "../../api/use";
import { objectHref, type ObjectId } from "../../state/object";
import { go, href, param } from "../../state/url";
import { isDark, now, painted, zone } from "../../state/view";
import { readPalette, type Palette } from "../../timeline/palette";
import { shortKind } from "../../ui/kinds";
import { OldNew, Time } from "../../ui/parts";
import { inline, Path, SafeText, visible } from "../../ui/safe";
import { duration, hms, many, moment, sameDay } from "../../ui/time";
import type { Drift, FieldHistory, PinList, Run, SaidAbout } from "./ask";

export function DriftPanel({ of, at }: { of: ObjectId; at: string }) {
  const pins = useAnswer<PinList>("pins");
  const baseline = param("baseline") || "last-applied";
  const answer = useAnswer<Drift>("drift", { cluster: of.cluster, namespace: of.namespace || "_", kind: of.resource, name: of.name, baseline, ...(at ? { at } : {}) });
  const choices = ["last-applied", "time:1h", "time:24h", ...(pins.data?.items ?? []).map(each => `pin:${each.name}`)];
  const { data, error } = answer;
  return (
    <section class="sheet"><h2>Drift <select class="sel mini" aria-label="Baseline" value={baseline} onChange={event => go({ baseline: event.currentTarget.value === "last-applied" ? "" : event.currentTarget.value }, { replace: true })}>
      {(choices.includes(baseline) ? choices : [baseline, ...choices]).map(each => <option key={each} value={each}>{visible(each === "last-applied" ? "against last applied" : each.startsWith("time:") ? `against ${each.slice(5)} ago` : `against pin ${each.slice(4)}`)}</option>)}</select></h2>
      <div class="in stack">
        {error && !data ? <p class="note">{error instanceof Refused ? visible(error.problem.detail) : "Whether it drifts could not be asked."}</p>
          : !data ? <p class="note">…</p>
            : data.items.length + data.compared === 0 ? <p class="note">This baseline says nothing of this object.</p>
            : data.items.length === 0 ? <p class="note">No field differs from the baseline{at ? " at that moment" : ""}.{data.hidden > 0 && ` ${many(data.hidden, "difference")} hidden as noise.`}</p>
              : data.items.slice(0, 8).map(each => (
                <div class="drp" key={each.path}><div class="mono"><Path>{each.path}</Path></div><OldNew old={each.op === "add" ? undefined : clip(inline(each.expected))} fresh={each.op === "remove" ? undefined : clip(inline(each.actual))} />
                  <div class="note">{each.since ? <>since <b><Time at={each.since} /></b> ({duration(now.value - Date.parse(each.since))})</> : "since when is unknown"}{each.by && <>, by <b><SafeText>{each.by}</SafeText></b></>}{each.flaps > 1 && `; went to and fro ${each.flaps} times`}</div></div>
              ))}
        {data && data.items.length > 8 && <p class="note">and {data.items.length - 8} more</p>}
        <a class="note" href={href("drift", { cluster: of.cluster, ns: of.namespace || "_" })}>All drift in {visible(of.namespace || "the cluster")}</a>
      </div></section>
  );
}
const clip = (text: string): string => (text.length > 240 ? `${text.slice(0, 238)}…` : text);

export function ValuesPanel({ of, field, fields, onField, gaps }: { of: ObjectId; field: string; fields: readonly string[]; onField: (path: string) => void; gaps: readonly Span[] }) {
  const chosen = field || fields[0] || "";
  const answer = useAnswer<FieldHistory>(chosen ? `${objectPath(of)}/fields` : "", { path: chosen });
  const runs = useMemo(() => (answer.data?.lives ?? []).flatMap(each => each.runs).filter(each => each.path === chosen).sort((a, b) => Date.parse(a.from) - Date.parse(b.from)), [answer.data, chosen]);
  const listed = fields.includes(chosen) || !chosen ? fields : [chosen, ...fields];
  const latest = runs.at(-1);
  return (
    <section class="sheet"><h2>Values {listed.length > 0 && <select class="sel mini" aria-label="Field" value={chosen} onChange={event => onField(event.currentTarget.value)}>{listed.map(each => <option key={each} value={each}>{visible(each.length > 60 ? `…${each.slice(-58)}` : each)}</option>)}</select>}</h2>
      <div class="in">
        {!chosen && <p class="note">No field has had a second value yet.</p>}
        {runs.length > 0 && <>{runs.every(each => plottable(each.value)) && <Plot runs={runs} gaps={gaps} of={of} />}
          <ol class="runs">{runs.slice(-6).reverse().map(each => <li key={each.from}><time title={each.from}>{stamp(Date.parse(each.from))}</time><span class="mono clip" title={inline(each.value)}>{clip(inline(each.value))}</span><span class="mut clip">{visible(each.by ?? (each.at_or_before ? "before" : "unknown"))}</span></li>)}</ol>
          <p class="note">{many(runs.length, "value")}{latest && !latest.to ? `; the last for ${duration(now.value - Date.parse(latest.from))}` : latest?.deleted ? "; deleted with the object" : ""}{runs.length > 6 ? "; the newest six are listed" : ""}</p></>}
        {chosen && answer.data && runs.length === 0 && <p class="note">No value of <span class="mono">{visible(chosen)}</span> is on record.</p>}
      </div></section>
  );
}
const plottable = (value: unknown): boolean => typeof value === "number" || (typeof value === "string" && value.length <= 80) || typeof value === "boolean";
const stamp = (t: number): string => (sameDay(t, now.peek(), zone.value) ? hms(t, zone.value) : moment(t, zone.value, now.peek()));

/** Where a value stands between the lowest and the highest; texts stand in the order in which they came. */
export function levels(values: readonly unknown[]): number[] {
  if (values.every(each => typeof each === "number")) {
    const all = values as number[], low = Math.min(...all), high = Math.max(...all);
    return all.map(each => (high === low ? 0.5 : (each - low) / (high - low)));
  }
  const seen = [...new Set(values.map(each => JSON.stringify(each)))];
  return values.map(each => (seen.length < 2 ? 0.5 : seen.indexOf(JSON.stringify(each)) / (seen.length - 1)));
}

function Plot({ runs, gaps, of }: { runs: readonly Run[]; gaps: readonly Span[]; of: ObjectId }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const paint = painted.value;
  const palette = useMemo(() => readPalette(isDark()), [paint]);
  useEffect(() => {
    const node = canvas.current;
    if (!node) return;
    const mine = gaps.filter(each => !each.resource || each.resource === of.resource);
    const draw = () => paintPlot(node, palette, runs, mine);
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(node);
    return () => watch.disconnect();
  }, [runs, palette, gaps]);
  return <canvas ref={canvas} class="plot" role="img" aria-label={runs.map(each => `${inline(each.value)} from ${stamp(Date.parse(each.from))}`).join(", ")} />;
}

function paintPlot(node: HTMLCanvasElement, p: Palette, runs: readonly Run[], gaps: readonly Span[]): void {
  const w = node.clientWidth, h = node.clientHeight, g = node.getContext("2d")!;
  node.width = Math.round(w * p.ratio);
  node.height = Math.round(h * p.ratio);
  g.setTransform(p.ratio, 0, 0, p.ratio, 0, 0);
  const from = Date.parse(runs[0]!.from), last = runs.at(-1)!, newest = Date.parse(last.from);
  const end = last.to ? Date.parse(last.to) : newest + Math.max((newest - from) * 0.18, 1000);
  const x = (t: number) => ((t - from) / Math.max(1, end - from)) * (w - 2), level = levels(runs.map(each => each.value)), y = (n: number) => h - 7 - level[n]! * (h - 24);
  for (const each of gaps) { const a = x(Date.parse(each.from)), b = x(Date.parse(each.to)); if (b > 0 && a < w && p.hatch) { g.fillStyle = p.hatch; g.fillRect(a, 0, Math.max(2, b - a), h); } }
  g.strokeStyle = p.css.ink;
  g.lineWidth = 1.5;
  g.beginPath();
  runs.forEach((each, n) => {
    const a = x(Date.parse(each.from)), b = x(n + 1 < runs.length ? Date.parse(runs[n + 1]!.from) : end);
    if (n === 0) g.moveTo(a, y(n)); else g.lineTo(a, y(n));
    g.lineTo(b, y(n));
  });
  g.stroke();
  g.font = `600 11px ${p.font}`;
  g.fillStyle = p.css.ink;
  let right = -Infinity;
  runs.forEach((each, n) => {
    const text = inline(each.value), wide = g.measureText(text).width, a = Math.min(x(Date.parse(each.from)) + 3, w - wide - 2);
    if (wide < w / 2 && a > right) { g.fillText(text, a, y(n) - 4); right = a + wide + 4; }
  });
}

export function EventsPanel({ of, at, t }: { of: ObjectId; at: string; t: number }) {
  const [all, setAll] = useState(false);
  const around = at && !all ? { from: new Date(t - 6e5).toISOString(), to: new Date(t + 6e5).toISOString() } : {};
  const answer = useAnswer<SaidAbout>(`${objectPath(of)}/events`, { limit: "12", ...around });
  const items = answer.data?.items ?? [];
  return (
    <section class="sheet"><h2>Events <span class="mut plain">{at && !all ? `around ${hms(t, zone.value)}` : "newest first"}</span></h2><div class="in">
      {answer.data && items.length === 0 && <p class="note">Nothing was said{at && !all ? " within 10 minutes of that" : ""}. {at && !all && <button type="button" class="linklike" onClick={() => setAll(true)}>All Events</button>}</p>}
      {answer.error && !answer.data && <p class="note">Events could not be read.</p>}
      <ol class="evs">{items.map(each => <li key={each.ts + each.name + each.reason}><time title={each.ts}>{stamp(Date.parse(each.ts))}</time><span>{each.type === "Warning" ? <b>{visible(each.reason)}</b> : visible(each.reason)} <span class="mut">{each.name !== of.name && visible(`${shortKind(`${each.kind.toLowerCase()}s`)}/…${each.name.slice(-11)}`)}{each.count > 1 && ` ×${each.count}`}</span><br /><span class="mut">{visible(each.message.length > 180 ? `${each.message.slice(0, 178)}…` : each.message)}</span></span></li>)}</ol>
      {answer.data?.more && <p class="note">More were said before.</p>}
    </div></section>
  );
}

export function LivesPanel({ of, lives, uid }: { of: ObjectId; lives: readonly Life[]; uid: string }) {
  return (
    <section class="sheet"><h2>Lives {lives.length > 1 && <span class="mut plain">deleted and created anew</span>}</h2><div class="in"><ol class="lives note">{[...lives].reverse().map((each, n) => (
      <li key={each.uid}><b>{lives.length - n}</b><span>{each.created ? "created" : "seen since"} {moment(Date.parse(each.first_seen), zone.value, now.value)}{each.deleted_at && <>, deleted {moment(Date.parse(each.deleted_at), zone.value, now.value)}</>}; uid <span class="mono" title={each.uid}>{visible(each.uid.slice(0, 8))}</span>
        {lives.length > 1 && each.uid !== uid && <> <a href={objectHref(of, { uid: each.uid, at: each.last_change })}>show</a></>}</span></li>))}</ol>
      {uid && <p class="note">Only one life is shown. <a href={objectHref(of, { uid: "" })}>All lives</a></p>}</div></section>
  );
}
