/** What is chosen: who, what, when, still so? Without a change: the state at the play-head. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { fieldsOf, isBookkeeping, titleOf } from "../../api/changed";
import { ask, objectPath, Refused } from "../../api/client";
import { equal, follow } from "../../api/paths";
import type { Change, ChangePage, ObjectAt, WholeChange } from "../../api/types";
import { useTask } from "../../api/use";
import { command, now, zone } from "../../state/view";
import { href, param } from "../../state/url";
import { LOUD } from "../../timeline/draw";
import { driftedAt, driftsOf } from "../../timeline/drifts";
import { FAILING, lowerBound, type Model } from "../../timeline/model";
import type { Row, Tree } from "../../timeline/rows";
import * as stage from "../../timeline/stage";
import { type Class, Mark, StateGlyph, stateWord } from "../../ui/glyphs";
import { shellWord } from "../../ui/kinds";
import { actorHow, ActorName, CopyCommand, Failure, isHuman, Kind, OldNew } from "../../ui/parts";
import { inline, Path, SafeText, visible } from "../../ui/safe";
import { duration, hms, many, moment, rfc3339 } from "../../ui/time";
import { diffLink, objectLink } from "./links";

export function Panel({ model }: { model: Model | undefined }) {
  if (!model || !stage.drawn.value) return <aside class="panel" aria-label="What is chosen"><Grip /><Acts row={undefined} /></aside>;
  return <Filled model={model} />;
}

function Filled({ model }: { model: Model }) {
  const row = stage.rows.value[stage.chosenIndex.value], mark = stage.chosenMark.value;
  const shown = stage.shownModel.value ?? model;
  return (
    <aside class="panel" aria-label="What is chosen">
      <Grip />
      <Acts row={row} />
      {!row ? <Overall model={shown} /> : mark >= 0 ? <Chosen key={stage.chosenRev.value} row={row} model={shown} mark={mark} /> : <AtHead row={row} model={shown} />}
    </aside>
  );
}

/** On narrow screens the panel is a sheet: drag its edge, or tap it for small, half and tall. */
function Grip() {
  const box = useRef<HTMLButtonElement>(null), moved = useRef(false), tall = useRef(46);
  const set = (percent: number) => { tall.current = Math.min(86, Math.max(14, percent)); box.current?.closest<HTMLElement>(".work")?.style.setProperty("--sheet-height", `${tall.current}%`); };
  const drag = (event: PointerEvent) => {
    const work = box.current?.closest(".work")?.getBoundingClientRect();
    if (!work || !box.current?.hasPointerCapture(event.pointerId)) return;
    moved.current = true;
    set(((work.bottom - event.clientY) / work.height) * 100);
  };
  return <button type="button" class="grip" ref={box} aria-label="Height of this panel" onPointerDown={event => { moved.current = false; box.current?.setPointerCapture(event.pointerId); }} onPointerMove={drag}
    onClick={() => { if (!moved.current) set(tall.current < 30 ? 46 : tall.current < 60 ? 80 : 16); }} />;
}

function Acts({ row }: { row: Row | undefined }) {
  const pins = param("a") !== "" && param("b") !== "";
  return (
    <div class="acts">
      <button type="button" class="btn small" onClick={() => stage.step(-1)}>← Previous</button>
      <button type="button" class="btn small" onClick={() => stage.step(1)}>Next →</button>
      <span class="grow" />
      <button type="button" class="btn small" title="Pin A at the play-head (a)" aria-pressed={param("a") !== ""} onClick={() => stage.setPin("a")}>A</button>
      <button type="button" class="btn small" title="Pin B at the play-head (b)" aria-pressed={param("b") !== ""} onClick={() => stage.setPin("b")}>B</button>
      {pins && <a class="btn small" href={diffLink()} title="What differs between A and B (d)">Diff</a>}
      {row?.lane && <a class="btn small main" href={objectLink(row, stage.head.value)}>Open</a>}
    </div>
  );
}

/** Nothing chosen: what there is to choose. */
function Overall({ model }: { model: Model }) {
  const tree = stage.tree.value;
  const worst = useMemo(() => (tree?.groups ?? []).flatMap(each => each.namespaces).flatMap(each => each.roots).filter(n => tree!.worst[n]! >= FAILING), [tree]);
  const human = useMemo(() => { const all: number[] = []; for (let i = model.t.length - 1; i >= 0 && all.length < 6; i--) if (model.human[i] && !model.binned) all.push(i); return all; }, [model]);
  const rowOf = (lane: number) => stage.rows.value.find(each => each.lanes.includes(lane) && each.lane);
  return (
    <>
      <div class="stack">
        <h1>{worst.length ? `${many(worst.length, "object")} failed in this range` : !model.lanes.length && !model.answer.coverage.complete ? "Nothing is known of this range" : `Nothing failed in this range${model.answer.coverage.complete ? "" : ", as far as watched"}`}</h1>
        <p class="sec">Choose a mark to see who changed what. <kbd>j</kbd> <kbd>k</kbd> walk the lanes, <kbd>←</kbd> <kbd>→</kbd> the changes, <kbd>?</kbd> lists all keys.</p>
      </div>
      {worst.length > 0 && <div><h2>Worst first</h2><ul>{worst.slice(0, 8).map(n => {
        const row = rowOf(n), lane = model.lanes[n]!, failed = failingSpan(model, tree!, n);
        return row && <li key={n}><time>{failed && hms(failed[0], zone.value)}</time><StateGlyph state={stage.rowState(row, stage.at.value).state} /><Kind of={lane.resource} /><button type="button" class="linklike" onClick={() => stage.choose(row, -1, failed?.[0])}><SafeText>{lane.name}</SafeText></button>
          <span class="mut end">{failed && (failed[1] >= stage.at.value ? `failing for ${duration(stage.at.value - failed[0])}` : `failed for ${duration(failed[1] - failed[0])}`)}</span></li>;
      })}</ul></div>}
      {human.length > 0 && <div><h2>Changes by people</h2><ul>{human.map(i => {
        const row = rowOf(model.lane[i]!);
        return row && <li key={i}><time>{hms(model.t[i]!, zone.value)}</time><Mark of={(model.answer.classes[model.cls[i]!] ?? "spec") as Class} human /><button type="button" class="linklike" onClick={() => stage.choose(row, i)}><SafeText>{model.lanes[model.lane[i]!]!.name}</SafeText></button><span class="mut end clip">{visible(model.strings[model.actor[i]!] ?? "")}</span></li>;
      })}</ul></div>}
      <div><h2>Same in a terminal</h2><CopyCommand>{command.value}</CopyCommand></div>
    </>
  );
}

/** The longest time for which a lane, or one below it, failed. */
function failingSpan(model: Model, tree: Tree, lane: number): [number, number] | undefined {
  let found: [number, number] | undefined;
  const visit = (n: number): void => {
    for (let k = model.segFrom[n]!; k < model.segFrom[n + 1]!; k++) {
      if (model.segState[k] !== FAILING) continue;
      const from = Math.max(model.segStart[k]!, model.from), to = Math.min(model.segEnd[k]!, stage.present.peek());
      if (!found || to - from > found[1] - found[0]) found = [from, to];
    }
    for (const child of tree.children[n]!) visit(child);
  };
  visit(lane);
  return found;
}

function AtHead({ row, model }: { row: Row; model: Model }) {
  const t = stage.at.value, z = zone.value, { state, note } = stage.rowState(row, t), since = stage.stateSince(row, t), gap = stage.gapAt(row, t);
  const order = stage.orderOf(row), n = lowerBound(model.t, order, 0, order.length, t + 1e-3);
  const around = [["before", order[n - 1]], ["after", order[n]]] as const;
  return (
    <>
      <div class="stack">
        <div class="row sec">{row.lane && <Kind of={row.lane.resource} />}<span class="clip">{row.lane?.namespace && <span class="mut">{visible(row.lane.namespace)}/</span>}<SafeText>{row.label}</SafeText></span></div>
        {row.lane ? <h1 class="row"><StateGlyph state={state} /> {stateWord(state)} at {hms(t, z)}</h1> : <h1>{row.changes.toLocaleString("en-US")} changes</h1>}
        {gap ? <p>Nobody was watching from {hms(gap.from, z)} to {hms(gap.to, z)}. The last known state before and the first one after are on either side.</p>
          : row.lane && <p class="sec">{note && <b>{visible(note)}, </b>}{since !== undefined && state !== "none" ? `since ${moment(since, z, now.value)}, ${duration(t - since)} by then` : "since before this range"}</p>}
      </div>
      <Drifting row={row} model={model} t={t} />
      {row.lane && <div><h2>Around it</h2><ul>{around.map(([word, i]) => (
        <li key={word}><time>{word}</time>{i === undefined ? <span class="mut">no change in this range</span> : <>
          <Mark of={(model.answer.classes[model.cls[i]!] ?? "status") as Class} human={model.human[i] === 1} />
          <button type="button" class="linklike" onClick={() => stage.choose(row, i)}>{model.answer.classes[model.cls[i]!]} at {hms(model.t[i]!, z)}</button>
          <span class="mut end">{duration(Math.abs(model.t[i]! - t))}</span></>}</li>
      ))}</ul></div>}
      <div><h2>Same in a terminal</h2><CopyCommand>{command.value}</CopyCommand></div>
    </>
  );
}

/** What the rail below the lane says, in words. */
function Drifting({ row, model, t }: { row: Row; model: Model; t: number }) {
  const found = driftedAt(driftsOf(model, row), t);
  if (!found.length) return null;
  return (
    <div><h2>Drifted from its baseline <a class="plain" href={href("drift")}>all drift</a></h2>
      {found.slice(0, MANY).map(({ of, from }, n) => (
        <div class="fd" key={n}>
          {of.name !== row.lane?.name && <div><SafeText>{of.name}</SafeText></div>}
          <Path>{of.path || of.op}</Path>
          <OldNew old={of.op === "added" || of.op === "extra" ? undefined : clip(inline(of.expected))} fresh={of.op === "removed" || of.op === "missing" ? undefined : clip(inline(of.actual))} />
          <div class="note">from {visible(of.baseline)}, since {moment(from, zone.value, now.value)}{of.by && ` by ${visible(of.by)}`}{of.flaps > 1 && `, ${of.flaps} times`}</div>
        </div>
      ))}
      {found.length > MANY && <p class="note">and {found.length - MANY} more fields</p>}
    </div>
  );
}

function Chosen({ row, model, mark }: { row: Row; model: Model; mark: number }) {
  const lane = model.lanes[model.lane[mark]!]!, z = zone.value;
  const cls = (model.answer.classes[model.cls[mark]!] ?? "status") as Class;
  const [uid, epoch, seq] = cut(stage.chosenRev.value);
  const key = { cluster: lane.cluster, kind: lane.resource, namespace: lane.namespace || "_", name: lane.name, uid, epoch, seq };
  const event = useTask<WholeChange>(JSON.stringify(key), signal => ask<WholeChange>("timeline/event", key, signal));
  const change = event.data;
  const when = model.t[mark]!, error = model.error[mark]!;
  const tool = change ? `kubelapse diff ${shellWord(`${lane.resource}/${lane.name}`)}${lane.namespace ? ` -n ${shellWord(lane.namespace)}` : ""}${change.prev_rv ? ` \\\n  --from rv:${change.prev_rv} --to rv:${change.rv}` : ` --to rv:${change.rv}`}` : "";
  useEffect(() => { if (tool) command.value = tool.replace(/\\\n\s+/g, ""); }, [tool]);
  return (
    <>
      <div class="stack">
        <div class="row sec"><Mark of={cls} human={model.human[mark] === 1} /><Kind of={lane.resource} /><span class="clip">{lane.namespace && <span class="mut">{visible(lane.namespace)}/</span>}<SafeText>{lane.name}</SafeText></span></div>
        <h1>{change ? visible(titleOf(change, cls)) : <span class="mut">{cls}</span>}</h1>
        <dl class="facts">
          <dt>When</dt>
          <dd><b>{error > 0 ? `between ${moment(when - error, z, now.value)} and ${hms(when, z)}` : <time dateTime={rfc3339(when)}>{moment(when, z, now.value, true)} {z === "UTC" ? "UTC" : ""}</time>}</b>
            <div class="note">{error > 0 ? `${change?.gap ? "began in a gap" : "read late"}; the exact moment is not known` : `${duration(stage.present.value - when)} ago, ${change?.origin === "watch" || !change ? "seen live" : visible(change.origin)}`}</div></dd>
          <dt>Who</dt>
          <dd>{change ? <><ActorName actor={change.actor} op={change.op} />{change.actor.operation && ` · ${change.actor.operation}`}{change.actor.subresource && `, ${visible(change.actor.subresource)}`}<div class="note">{actorHow(change.actor)}{isHuman(change.actor) && change.actor.source !== "audit" ? "; a tool that people use" : ""}</div></> : <b>{visible(model.strings[model.actor[mark]!] || "…")}</b>}</dd>
          {change && <><dt>Rev</dt><dd class="note">seq {change.seq} · rv {visible(change.rv)}</dd></>}
        </dl>
      </div>
      {change && <Still change={change} />}
      {event.error && <Failure error={event.error} onRetry={event.reload} />}
      {change && <Fields change={change} />}
      <Drifting row={row} model={model} t={when} />
      <Before model={model} mark={mark} />
      <SameMoment model={model} mark={mark} row={row} />
      {tool && <div><h2>Same in a terminal</h2><CopyCommand>{tool}</CopyCommand></div>}
    </>
  );
}
const cut = (rev: string): [string, string, string] => { const parts = rev.split(":"); const seq = parts.pop() ?? "", epoch = parts.pop() ?? ""; return [parts.join(":"), epoch, seq]; };

const MANY = 12;
function Fields({ change }: { change: WholeChange }) {
  const all = fieldsOf(change), fields = all.filter(each => !isBookkeeping(each.path)), rest = all.length - fields.length;
  if (!all.length) return null;
  return (
    <div>
      <h2>{fields.length} field{fields.length === 1 ? "" : "s"} changed{rest > 0 && <span class="mut plain"> and {rest === 1 ? "a counter" : `${rest} counters`}</span>}</h2>
      {fields.slice(0, MANY).map((each, n) => (
        <div class="fd" key={n}><Path>{each.path}</Path>
          <OldNew old={each.op === "add" ? undefined : clip(inline(each.old))} fresh={each.op === "remove" ? undefined : clip(inline(each.fresh))} />
          {each.manager && each.manager !== change.actor.name && <div class="note">by {visible(each.manager)}</div>}
        </div>
      ))}
      {fields.length > MANY && <p class="note">and {fields.length - MANY} more: open the object</p>}
    </div>
  );
}
const clip = (text: string): string => (text.length > 600 ? `${text.slice(0, 600)}… (${text.length.toLocaleString("en-US")} characters)` : text);

/** Is what this change set still so? Asked of the object now, and, where it is not, of the change that ended it. */
function Still({ change }: { change: WholeChange }) {
  const of = { cluster: change.cluster, resource: change.resource, group: change.group, namespace: change.namespace, name: change.name };
  const answer = useTask<[boolean, string]>(`still ${change.id}`, signal => stillSo(change, of, signal));
  if (!answer.data) return answer.error ? null : <div class="still"><span class="mut">Still so? …</span></div>;
  const [so, text] = answer.data;
  return <div class={`still ${so ? "yes" : "no"}`}><b class="nowrap">{so ? "Still so:" : "Not any more:"}</b><span>{visible(text)}</span></div>;
}
async function stillSo(change: WholeChange, of: Parameters<typeof objectPath>[0], signal: AbortSignal): Promise<[boolean, string]> {
  const t = Date.parse(change.ts), age = duration(stage.present.peek() - t);
  let today: ObjectAt | undefined;
  try {
    today = await ask<ObjectAt>(objectPath(of), {}, signal);
  } catch (error) {
    if (!(error instanceof Refused) || !error.problem.state) throw error;
    if (change.op === "delete") return [true, `deleted for ${age}.`];
    return [false, `deleted${error.problem.deleted_at ? ` at ${moment(Date.parse(error.problem.deleted_at), zone.peek(), now.peek())}` : ""}.`];
  }
  if (change.op === "delete") return [false, `it was created again at ${moment(Date.parse(today.event.ts), zone.peek(), now.peek())} or before.`];
  if (today.event.id === change.id) return [true, `for ${age}; nothing changed since.`];
  const fields = fieldsOf(change).filter(each => !isBookkeeping(each.path));
  const other = fields.filter(each => !equal(follow(today.object, each.path), each.op === "remove" ? undefined : (follow(change.object, each.path) ?? each.fresh)));
  if (!other.length) return [true, `for ${age}${fields.length > 1 ? `, all ${fields.length} fields` : ""}.`];
  const ended = await undoing(change, other[0]!.path, signal);
  const how = other.length < fields.length ? `${other.length} of ${fields.length} fields differ now` : equal(follow(today.object, other[0]!.path), other[0]!.old) && other[0]!.old !== undefined ? "it is as it was before" : "it differs now";
  return [false, `${ended ? `changed at ${moment(Date.parse(ended.ts), zone.peek(), now.peek())}${ended.actor.name ? ` by ${ended.actor.name}` : ""}; ` : ""}${how}.`];
}
async function undoing(change: Change, path: string, signal: AbortSignal): Promise<Change | undefined> {
  const found = await ask<ChangePage>("changes", {
    cluster: change.cluster, namespace: change.namespace || "_", kind: change.group ? `${change.resource}.${change.group}` : change.resource, name: change.name, path, from: change.ts, limit: "1", noise: "off",
  }, signal).catch(() => undefined);
  return found?.items[0];
}

/** What came before, in the same namespace or cluster-wide, and was more than status. Order, not cause. */
function Before({ model, mark }: { model: Model; mark: number }) {
  const t = model.t[mark]!, own = model.lanes[model.lane[mark]!]!;
  const found: number[] = [];
  for (let i = mark - 1; i >= 0 && t - model.t[i]! < 45 * 6e4 && found.length < 5; i--) {
    const lane = model.lanes[model.lane[i]!]!;
    if (!LOUD.has(model.cls[i]!) || lane.cluster !== own.cluster || (lane.namespace !== own.namespace && lane.namespace !== "") || t - model.t[i]! < 50) continue;
    if (found.some(each => model.lane[each] === model.lane[i] && model.cls[each] === model.cls[i])) continue; // the newest of its kind will do
    found.push(i);
  }
  const gaps = model.spans.filter(each => !each.late && each.to <= t && t - each.to < 45 * 6e4 && each.cluster === own.cluster).slice(-2);
  if (!found.length && !gaps.length) return null;
  return (
    <div><h2>Before it <span class="mut plain">order, not proof of cause</span></h2><ul>
      {found.map(i => <Other key={i} model={model} i={i} when={`${duration(t - model.t[i]!)} before`} />)}
      {gaps.map(each => <li key={each.from}><StateGlyph state="unknown" /><span>Not watched {hms(each.from, zone.value)} – {hms(each.to, zone.value)}{each.resource && <span class="mut"> {visible(each.resource)}</span>}</span></li>)}
    </ul></div>
  );
}
function SameMoment({ model, mark, row }: { model: Model; mark: number; row: Row }) {
  const t = model.t[mark]!, reach = Math.max(200, Math.min(3000, ((stage.view.peek()?.t1 ?? 0) - (stage.view.peek()?.t0 ?? 0)) / 40));
  const found: number[] = [];
  for (let i = mark - 1; i >= 0 && t - model.t[i]! <= reach && found.length < 4; i--) if (model.lane[i] !== model.lane[mark]) found.unshift(i);
  for (let i = mark + 1; i < model.t.length && model.t[i]! - t <= reach && found.length < 9; i++) if (model.lane[i] !== model.lane[mark]) found.push(i);
  if (!found.length || !row) return null;
  const away = (ms: number) => (ms === 0 ? "same" : `${ms > 0 ? "+" : "−"}${Math.abs(ms) < 1000 ? `${Math.round(Math.abs(ms))} ms` : `${(Math.abs(ms) / 1000).toFixed(1)} s`}`);
  return <div><h2>In the same moment</h2><ul>{found.map(i => <Other key={i} model={model} i={i} first={away(model.t[i]! - t)} />)}</ul></div>;
}
function Other({ model, i, first, when }: { model: Model; i: number; first?: string; when?: string }) {
  const lane = model.lanes[model.lane[i]!]!;
  const go = () => { const row = stage.rows.peek().find(each => each.lane?.index === lane.index) ?? stage.rows.peek().find(each => each.lane && each.lanes.includes(lane.index)); if (row) stage.choose(row, i); };
  return (
    <li>{first && <time>{first}</time>}<Mark of={(model.answer.classes[model.cls[i]!] ?? "status") as Class} human={model.human[i] === 1} /><Kind of={lane.resource} />
      <button type="button" class="linklike" onClick={go}><SafeText>{lane.name}</SafeText></button>
      <span class="mut end clip">{when ?? visible(model.strings[model.actor[i]!] ?? "")}</span></li>
  );
}
