/** One object: what it was at any moment, who made it so, what differs between any two moments, and where it belongs. */
import "./style.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { titleOf } from "../../api/changed";
import { ask, objectPath } from "../../api/client";
import type { TimelineAnswer } from "../../api/timeline";
import type { Change, History, KubeObject, ObjectAt } from "../../api/types";
import { useAnswer, useTask } from "../../api/use";
import { addKeys } from "../../state/keys";
import { objectHref, objectId, parseObjectId, type ObjectId } from "../../state/object";
import { go, href, param } from "../../state/url";
import { command, copy, covered, now, say, zone } from "../../state/view";
import { decode, FAILING, noteAt, stateAt, type Model } from "../../timeline/model";
import { Mark, StateGlyph, type State as StateName } from "../../ui/glyphs";
import { refName, shellWord } from "../../ui/kinds";
import { ActorName, Failure, isHuman, Kind, Loading, State } from "../../ui/parts";
import { SafeText, visible } from "../../ui/safe";
import { day, hms, instant, many, moment, rfc3339 } from "../../ui/time";
import { classOf, gapRows } from "../changes/grouping";
import { save } from "../../ui/save";
import type { Blame } from "./ask";
import { Difference, type Tab } from "./difference";
import { DriftPanel, EventsPanel, LivesPanel, ValuesPanel } from "./panels";
import { NoState, Yaml } from "./state";
import { Strip } from "./strip";
import { yamlText } from "./yaml";

const NAMES = ["none", "gone", "exists", "ready", "terminating", "progressing", "failing"] as const;
const WORDS: Readonly<Record<string, string>> = { none: "not there", gone: "deleted", exists: "there" };

export default function ObjectPage() {
  const of = parseObjectId(param("of"));
  if (!of) return <div class="page"><State title="Which object?" actions={<a class="btn small main" href={href("changes")}>Changes</a>}>This link names no object. Open one from the timeline or from the changes.</State></div>;
  return <One key={objectId(of)} of={of} />;
}

function One({ of }: { of: ObjectId }) {
  const uid = param("uid"), at = param("at");
  const history = useAnswer<History>(`${objectPath(of)}/history`, { limit: "2000", ...(uid ? { uid } : {}) });
  const items = history.data?.items ?? [];
  const when = at || "now";
  const shown = useAnswer<ObjectAt>(objectPath(of), { ...(at ? { at } : {}), ...(uid ? { uid } : {}) });
  const head = shown.data && !shown.outdated ? Date.parse(shown.data.event.ts) : 0;
  const t = instant(at, now.peek(), zone.value) ?? now.peek();
  const life = useLife(of, history.data, at ? t : 0);
  const tab = (param("tab") || "state") as Tab | "state";
  const pins = pinsOf(items, t);
  const [field, setField] = useState(param("field"));
  useEffect(() => {
    const found = shown.data ?? history.data;
    if (found) covered.value = { coverage: found.coverage, from: history.data?.lives[0] ? Date.parse(history.data.lives[0].first_seen) : t, to: at ? t : undefined };
  }, [shown.data, history.data]);
  useEffect(() => {
    const place = `${of.namespace ? ` -n ${shellWord(of.namespace)}` : ""}${of.cluster ? ` --cluster ${shellWord(of.cluster)}` : ""}`, name = shellWord(refName(of.resource, of.name));
    command.value = tab === "state" ? `kubelapse show ${name}${place}${at ? ` --at ${shellWord(at)}` : ""}` : `kubelapse diff ${name}${place} --from ${shellWord(pins.a)} --to ${shellWord(pins.b)}`;
    document.title = `${visible(refName(of.resource, of.name))} · Kubelapse`;
  }, [of, at, tab, pins.a, pins.b]);
  useKeys(items, t);
  if (!history.data) return <div class="page">{history.error ? <Failure error={history.error} onRetry={history.reload} /> : history.slow ? <Loading>Reading the history of {visible(of.name)} …</Loading> : null}</div>;
  const pick = (path: string) => { setField(path); go({ field: path }, { replace: true }); };
  return (
    <div class="page object">
      <Head of={of} object={shown.data?.object} life={life} at={at} t={t} />
      {life && <section class="sheet strip" aria-label="Life of this object">
        <Strip model={life.model} lane={life.lane} view={life.view} at={Math.min(t, at ? Date.now() : life.end)} a={timeOf(pins.a, items)} b={timeOf(pins.b, items)} now={life.end} since={timeOr(history.data.coverage.watched_since, 0)} known={live(history.data) ? Infinity : timeOr(history.data.coverage.watermark, 0)} onGo={to => go({ at: new Date(to).toISOString(), live: "off" })} label={lifeSentence(life)} />
      </section>}
      <div class="cols">
        <Revisions history={history.data} t={at ? t : Infinity} a={pins.a} b={pins.b} />
        <section class="sheet content" aria-label="Content">
          <header>
            <div class="join tabs" role="group" aria-label="Show">{(["state", "diff", "unified", "side"] as const).map(each => <button key={each} type="button" class={`btn small ${each === "side" ? "desk" : ""}`} aria-pressed={tab === each} onClick={() => go({ tab: each === "state" ? "" : each })}>{{ state: "State", diff: "Diff A → B", unified: "Unified", side: "Side by side" }[each]}</button>)}</div>
            <span class="note">{tab === "state" ? (shown.data ? `as it was at ${at ? moment(t, zone.value, now.value) : "the end of what is known"}` : "") : <>A {pinText(pins.a, items)} → B {pinText(pins.b, items)}</>}</span>
            <div class="row wrap end">
              <button type="button" class="btn small" onClick={() => void copy(command.value, "Command copied")}>Copy as command</button>
              <button type="button" class="btn small desk" title="The same with kubectl, for now" onClick={() => void copy(`kubectl get ${shellWord(of.resource)} ${shellWord(of.name)}${of.namespace ? ` -n ${shellWord(of.namespace)}` : ""} -o yaml`, "kubectl command copied")}>kubectl</button>
              <button type="button" class="btn small" disabled={!shown.data} onClick={() => shown.data && save(`${of.name}.yaml`, "application/yaml", [yamlText(shown.data.object)])}>Download YAML</button>
            </div>
          </header>
          {tab !== "state" ? <Difference of={of} uid={uid} a={pins.a} b={pins.b} tab={tab} onField={pick} />
            : shown.error && !shown.data ? <Missing error={shown.error} of={of} history={history.data} />
              : shown.data ? <StateTab of={of} when={when} uid={uid} object={shown.data.object} changed={head} onField={pick} dim={shown.outdated} /> : shown.slow ? <Loading>Reading the state …</Loading> : null}
        </section>
        <div class="side">
          <DriftPanel of={of} at={at} />
          <ValuesPanel of={of} field={field} fields={Object.keys(counts(items))} onField={pick} gaps={history.data.coverage.gaps} />
          <EventsPanel of={of} at={at} t={t} />
          <LivesPanel of={of} lives={history.data.lives} uid={uid} />
        </div>
      </div>
    </div>
  );
}

function StateTab({ of, when, uid, object, changed, onField, dim }: { of: ObjectId; when: string; uid: string; object: KubeObject; changed: number; onField: (path: string) => void; dim: boolean }) {
  const blame = useAnswer<Blame>(`${objectPath(of)}/blame`, { ...(when !== "now" ? { at: when } : {}), ...(uid ? { uid } : {}) });
  return <div class={dim ? "outdated" : ""}><Yaml object={object} blame={blame.outdated ? [] : (blame.data?.fields ?? [])} changed={changed} onField={onField} />{blame.error && <NoState>{`Who wrote which line is not known: ${blame.error.message}`}</NoState>}</div>;
}

/** Deleted, not yet there, or from before the records: what can be said, and where to go. */
function Missing({ error, of, history }: { error: Error; of: ObjectId; history: History }) {
  const last = history.lives.at(-1);
  const before = last?.deleted_at ? new Date(Date.parse(last.deleted_at) - 1).toISOString() : "";
  return <Failure error={error} actions={<>{before && <a class="btn small main" href={objectHref(of, { at: before, uid: last!.uid })}>State just before</a>}{last && <a class="btn small" href={objectHref(of, { at: last.first_seen, uid: "" })}>When it was first seen</a>}</>} />;
}

const timeOr = (text: string | null, otherwise: number): number => (text ? Date.parse(text) : otherwise);
/** The watermark moves every few seconds while somebody records: up to now then. */
const live = (history: History): boolean => Date.now() - timeOr(history.coverage.watermark, 0) < 20_000;

export interface Life {
  readonly model: Model;
  readonly lane: number;
  readonly view: { readonly t0: number; readonly t1: number };
  readonly end: number;
}
/** The lane of this object over its whole history, or around the instant shown where the history is long. */
function useLife(of: ObjectId, history: History | undefined, t: number): Life | undefined {
  const known = history?.coverage.watermark && !live(history) ? Date.parse(history.coverage.watermark) : Date.now();
  const last = history?.items.at(-1), first = history?.items[0];
  const end = Math.min(Date.now(), Math.max(known, last ? Date.parse(last.ts) : 0, t));
  const begin = first ? Date.parse(first.ts) : end - 36e5;
  const room = Math.max((end - begin) * 0.03, 1000);
  const from = new Date(begin - room).toISOString(), to = new Date(Math.min(end + room, Date.now())).toISOString();
  const key = history ? JSON.stringify([objectId(of), from, to.slice(0, 16)]) : "";
  const answer = useTask<TimelineAnswer>(key, signal => ask<TimelineAnswer>("timeline", { cluster: of.cluster, namespace: of.namespace || "_", name: `${of.name}*`, from, to, first_sight: "on" }, signal));
  return useMemo(() => {
    if (!answer.data) return undefined;
    const model = decode(answer.data);
    const lane = model.lanes.findIndex(each => each.name === of.name && each.resource === of.resource);
    return lane < 0 ? undefined : { model, lane, view: { t0: Date.parse(answer.data.from), t1: Date.parse(answer.data.to) }, end };
  }, [answer.data]);
}
interface Above extends ObjectId { readonly beside: boolean }
interface OwnerRef { kind: string; name: string; apiVersion: string; controller?: boolean }
/** As far up as owners are recorded: a Pod, its ReplicaSet, its Deployment, what made that. Of several the controller is followed. */
function useOwners(of: ObjectId, object: KubeObject | undefined, at: string): readonly Above[] {
  const refs = refsOf(object);
  const answer = useTask<Above[]>(refs.length ? JSON.stringify([objectId(of), at, refs.map(each => [each.kind, each.name])]) : "", async signal => {
    const found: Above[] = [];
    const seen = new Set([objectId(of)]);
    for (let level = refs; level.length && found.length < 8;) {
      const row = level.map((each, n) => ({ cluster: of.cluster, namespace: of.namespace, resource: plural(each.kind, each.apiVersion), name: each.name, beside: n > 0 }));
      const next = row[0]!;
      if (seen.has(objectId(next))) break; // in a circle
      seen.add(objectId(next));
      const state = (each: ObjectId) => ask<ObjectAt>(objectPath(each), at ? { at } : {}, signal).catch(() => undefined);
      let owner = await state(next);
      // A Node, or another kind without namespaces, may own what has one.
      if (!owner && next.namespace && (owner = await state({ ...next, namespace: "" }))) row[0] = { ...next, namespace: "" };
      found.push(...row);
      level = refsOf(owner?.object);
    }
    return found;
  });
  return answer.data && !answer.outdated && refs.length ? answer.data : refs.map((each, n) => ({ cluster: of.cluster, namespace: of.namespace, resource: plural(each.kind, each.apiVersion), name: each.name, beside: n > 0 }));
}
const refsOf = (object: KubeObject | undefined): OwnerRef[] =>
  ((object?.metadata?.["ownerReferences"] ?? []) as OwnerRef[]).slice(0, 3).sort((a, b) => Number(b.controller === true) - Number(a.controller === true));
function lifeSentence({ model, lane }: Life): string {
  const said: string[] = [];
  for (let n = model.segFrom[lane]!; n < model.segFrom[lane + 1]! && said.length < 12; n++) said.push(`${WORDS[NAMES[model.segState[n]!]!] ?? NAMES[model.segState[n]!]} from ${hms(Math.max(model.segStart[n]!, model.from), zone.peek())}`);
  return said.join(", ") || "No state is known";
}

function Head({ of, object, life, at, t }: { of: ObjectId; object: KubeObject | undefined; life: Life | undefined; at: string; t: number }) {
  const code = life ? stateAt(life.model, life.lane, Math.min(t, life.end)) : 0, note = life ? noteAt(life.model, life.lane, Math.min(t, life.end)) : "";
  const state = NAMES[code] as StateName;
  const owners = useOwners(of, object, at);
  const below = life ? childrenOf(life.model, life.lane) : [];
  return (
    <div class="head">
      <span class="kind big">{<Kind of={of.resource} />}</span><h1><SafeText>{of.name}</SafeText></h1>
      {life && code > 0 && <span class={`tag ${code === FAILING ? "failing" : ""}`}><StateGlyph state={state} label={false} /> {WORDS[state] ?? state}{note && ` · ${visible(note)}`}{at ? ` at ${hms(t, zone.value)}` : life.end < Date.now() - 20_000 ? ` when last heard of, ${hms(life.end, zone.value)}` : " now"}</span>}
      <span class="mut"><SafeText>{of.cluster}</SafeText>{of.namespace && <> / <SafeText>{of.namespace}</SafeText></>}</span>
      <span class="grow" />
      <div class="row wrap chain">
        {owners.length > 0 && <><span class="mut">owned by</span>{owners.map((each, n) => <span class="row" key={objectId(each)}>{n > 0 && <span class="mut" title={each.beside ? "and by" : "itself owned by"}>{each.beside ? "+" : "‹"}</span>}<a href={objectHref(each, { at, uid: "" })}>{visible(refName(each.resource, each.name))}</a></span>)}</>}
        {below.length > 0 && <><span class="mut">owns</span>{below.map((each, n) => <span class="row" key={each.resource}>{n > 0 && <span class="mut">›</span>}<a href={each.names.length === 1 ? objectHref({ ...of, resource: each.resource, name: each.names[0]! }, { at, uid: "" }) : href("timeline", { cluster: of.cluster, ns: of.namespace, name: `${of.name}*`, kind: each.resource })}>{each.names.length} {visible(each.resource.split(".")[0]!)}</a></span>)}</>}
        <a href={href("timeline", { cluster: of.cluster, ns: of.namespace || "_", name: `${of.name}*`, at, kind: "" })}>Timeline</a>
        <a href={href("changes", { cluster: of.cluster, ns: of.namespace || "_", name: of.name, kind: of.resource })}>Changes</a>
      </div>
    </div>
  );
}
const plural = (kind: string, version: string): string => {
  const plain = kind.toLowerCase().replace(/([^aeiou])y$/, "$1ie").replace(/(s|x|ch|sh)$/, "$1e") + "s", group = version.includes("/") ? version.split("/")[0]! : "";
  return group ? `${plain}.${group}` : plain;
};
function childrenOf(model: Model, lane: number): { resource: string; names: string[] }[] {
  const found = new Map<string, string[]>();
  let level = [lane];
  for (let depth = 0; depth < 3 && level.length; depth++) {
    const within = new Set(level);
    const next = model.lanes.filter(each => within.has(each.owner));
    for (const each of next) if (each.state > 1) found.set(each.resource, [...(found.get(each.resource) ?? []), each.name]);
    level = next.map(each => each.index);
  }
  return [...found].map(([resource, names]) => ({ resource, names }));
}

/** A and B as they stand in the link; else the change before and the one that is shown. */
function pinsOf(items: readonly Change[], t: number): { a: string; b: string } {
  const b = param("b"), a = param("a");
  const until = items.filter(each => Date.parse(each.ts) <= t + 1);
  // What somebody decided, unless the link says otherwise: a controller's stamp is seldom what one came for.
  const newest = (param("at") ? until : until.filter(each => ["rollout", "spec"].includes(classOf(each)))).at(-1) ?? until.at(-1) ?? items.at(-1);
  const made = newest ? { a: newest.prev_rv ? `rv:${newest.prev_rv}` : newest.ts, b: newest.rv ? `rv:${newest.rv}` : newest.ts } : { a: "now-1h", b: "now" };
  return { a: a || made.a, b: b || made.b };
}
const revisionOf = (pin: string, items: readonly Change[]): Change | undefined => (pin.startsWith("rv:") ? items.find(each => each.rv === pin.slice(3)) : undefined);
function timeOf(pin: string, items: readonly Change[]): number | undefined {
  const found = revisionOf(pin, items);
  return found ? Date.parse(found.ts) : pin.startsWith("rv:") ? undefined : instant(pin, now.peek(), zone.peek());
}
const pinText = (pin: string, items: readonly Change[]): string => { const t = timeOf(pin, items); return t === undefined ? pin : moment(t, zone.value, now.value); };

/** Paths that changed, most often first: what a history of values is worth showing of. */
function counts(items: readonly Change[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const each of items) if (each.op === "update") for (const path of each.paths) if (!/generation|Time$|message$|managedFields|resourceVersion/.test(path)) found[path] = (found[path] ?? 0) + (path.startsWith("status") ? 1 : 1000);
  return Object.fromEntries(Object.entries(found).sort(([, a], [, b]) => b - a).slice(0, 40));
}

function useKeys(items: readonly Change[], t: number): void {
  useEffect(() => {
    const step = (by: 1 | -1) => {
      const listed = items.filter(each => (by > 0 ? Date.parse(each.ts) > t + 1 : Date.parse(each.ts) < t - 1));
      const to = by > 0 ? listed[0] : listed.at(-1);
      if (to) choose(to);
    };
    return addKeys([
      { keys: ["ArrowLeft"], does: "revision before", run: () => step(-1) }, { keys: ["ArrowRight"], does: "next revision", run: () => step(1) },
      { keys: ["a"], does: "A is what is shown", run: () => go({ a: new Date(t).toISOString() }) }, { keys: ["b"], does: "B is what is shown", run: () => go({ b: new Date(t).toISOString() }) },
      { keys: ["d"], does: "diff from A to B", run: () => go({ tab: param("tab") === "diff" ? "" : "diff" }) },
    ]);
  }, [items, t]);
}
function choose(change: Change): void {
  go({ at: change.ts, live: "off", a: change.prev_rv ? `rv:${change.prev_rv}` : "", b: `rv:${change.rv}` });
  say(`${titleOf(change, classOf(change))}, ${hms(Date.parse(change.ts), zone.peek())}, by ${change.actor.name || "unknown"}`);
}

const MOST = 300;
function Revisions({ history, t, a, b }: { history: History; t: number; a: string; b: string }) {
  const [status, setStatus] = useState(false);
  const { items } = history;
  const quiet = items.filter(each => classOf(each) === "status").length;
  const listed = useMemo(() => (status ? items : items.filter(each => classOf(each) !== "status")).slice(-MOST).reverse(), [items, status]);
  const current = listed.find(each => Date.parse(each.ts) <= t + 1);
  const gaps = gapRows(history.coverage.gaps);
  const first = items[0];
  return (
    <section class="sheet revs" aria-label="Revisions">
      <header><h2>Revisions</h2><span class="mut">{items.length}{history.next ? "+" : ""} since {first ? day(Date.parse(first.ts), zone.value, now.value) : "ever"}</span><span class="grow" />
        {quiet > 0 && <label class="note row"><input type="checkbox" checked={status} onChange={event => setStatus(event.currentTarget.checked)} /> status</label>}</header>
      <ol>
        {listed.map((each, n) => {
          const at = Date.parse(each.ts), until = n ? Date.parse(listed[n - 1]!.ts) : Infinity;
          const between = gaps.filter(gap => gap.to > at && gap.from >= at && gap.from < until);
          return [
            ...between.map(gap => <li class="gap" key={gap.key}><span>{moment(gap.from, zone.value, now.value)} – {hms(gap.to, zone.value)} not watched{items.some(one => one.gap && gap.spans.some(span => span.id === one.gap)) ? "; it was different on return." : "."}</span></li>),
            <Revision key={each.id} change={each} current={each === current} a={a} b={b} />,
          ];
        })}
      </ol>
      <p class="note pad">{!status && quiet > 0 && `${many(quiet, "status-only change")} hidden. `}{history.hidden.noise > 0 && `${many(history.hidden.noise, "change")} hidden as noise.`}{items.length > MOST && ` The newest ${MOST} are listed.`}</p>
    </section>
  );
}

function Revision({ change, current, a, b }: { change: Change; current: boolean; a: string; b: string }) {
  const cls = classOf(change), t = Date.parse(change.ts), rv = `rv:${change.rv}`;
  const isA = a === rv, isB = b === rv;
  return (
    <li class={current ? "chosen" : ""}>
      <button type="button" class="rev" aria-current={current ? "true" : undefined} onClick={() => choose(change)} title={rfc3339(t, zone.value)}>
        <Mark of={cls} human={isHuman(change.actor)} />
        <time dateTime={change.ts}>{change.ts_error > 0 && "≈ "}{moment(t, zone.value, now.value)}</time>
        <span class="what">{visible(change.op === "add" ? (change.origin === "list" ? "first seen; it existed before we watched" : "created") : titleOf(change, cls))}</span>
        <span class="by clip"><ActorName actor={change.actor} op={change.op} /></span>
      </button>
      <span class="abs">
        <button type="button" class={`ab ${isA ? "on" : ""}`} aria-pressed={isA} title="Compare from here" onClick={() => go({ a: rv, ...(param("b") ? {} : { b }) })}>A</button>
        <button type="button" class={`ab ${isB ? "on b" : ""}`} aria-pressed={isB} title="Compare to here" onClick={() => go({ b: rv, ...(param("a") ? {} : { a }) })}>B</button>
      </span>
    </li>
  );
}
