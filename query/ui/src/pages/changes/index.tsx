/** The table twin of the timeline: the same filters, the same link, every change as a row that can be read and copied. */
import "./style.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { titleOf } from "../../api/changed";
import { apiUrl, ask } from "../../api/client";
import type { TimelineAnswer } from "../../api/timeline";
import type { Change, ChangePage } from "../../api/types";
import { useAnswer, useTask } from "../../api/use";
import { following, onChanges } from "../../live";
import { addKeys } from "../../state/keys";
import { objectHref } from "../../state/object";
import { go, href, param, place, windowQuery, type Params } from "../../state/url";
import { command, confirm, copy, covered, now, say, zone } from "../../state/view";
import { coverageSentence, reasonText } from "../../ui/coverage";
import { Mark } from "../../ui/glyphs";
import { shellWord } from "../../ui/kinds";
import { ActorName, Failure, FailureStrip, isHuman, Kind, Loading, OldNew, State } from "../../ui/parts";
import { inline, Path, SafeText, visible } from "../../ui/safe";
import { count, duration, hms, instant, many, moment, rfc3339 } from "../../ui/time";
import { save } from "../../ui/save";
import { csvHead, csvLines } from "./exporting";
import { outcome, pushed, tagOf, what, type Rollout } from "../rollouts/model";
import { classOf, groups, rows, telling, time, type Group, type Grouping, type Rolled, type Row, type SortKey } from "./grouping";
import { Histogram } from "./histogram";
import { Rows } from "./rows";

const PAGE = 1000;
const GROUPS: readonly (readonly [Grouping, string])[] = [["moment", "Moment"], ["rollout", "Rollout"], ["object", "Object"], ["actor", "Actor"], ["flat", "Flat"]];

/** The window in milliseconds, as it was asked. */
function windowOf(answer: ChangePage | undefined): { from: number; to: number } {
  const t = now.peek();
  return { from: answer ? Date.parse(answer.from) : (instant(param("from"), t, zone.peek()) ?? t), to: answer ? Date.parse(answer.to) : t };
}

export function changesCommand(params: Params): string {
  const flags: [string, string][] = [["cluster", "--cluster"], ["ns", "-n"], ["kind", "--kind"], ["name", "--name"], ["selector", "-l"], ["path", "--path"], ["by", "--by"]];
  const words = ["kubelapse changes"];
  const from = params["from"] || "now-1h";
  words.push(`--from ${shellWord(from)}`);
  if (params["to"] && params["to"] !== "now") words.push(`--to ${shellWord(params["to"])}`);
  if (!params["ns"]) words.push("-A");
  for (const [key, flag] of flags) if (params[key]) words.push(`${flag} ${shellWord(params[key])}`);
  if (params["noise"] === "off") words.push("--noise off");
  return words.join(" ");
}

/** Hide what these filters name, from everyone: `KIND PATH [MANAGER]` of KUBELAPSE_NOISE, one rule per kind, path and manager. */
export function noiseRule(params: Params): string {
  const each = (key: string) => (params[key] ?? "").split(",").map(word => word.trim()).filter(Boolean);
  const or = (words: readonly string[], otherwise: string) => (words.length ? words : [otherwise]);
  const made = or(each("kind"), "*").flatMap(kind => or(each("path"), "*").flatMap(path => or(each("by"), "").map(by => `${kind} ${path}${by && ` ${by}`}`)));
  return `KUBELAPSE_NOISE=${shellWord(made.join(", "))}`;
}

export default function Changes() {
  const query = windowQuery();
  const key = JSON.stringify(query);
  const [turn, again] = useState(0);
  const first = useTask<ChangePage>(key, signal => ask<ChangePage>("changes", { ...query, limit: String(PAGE), order: "desc" }, signal), turn);
  const overview = useAnswer<TimelineAnswer>("timeline", { ...query, parts: "overview" }, turn);
  const [older, setOlder] = useState<{ key: string; items: Change[]; next: string | null }>({ key: "", items: [], next: null });
  const [loading, setLoading] = useState(false);
  const fresh = useFresh(key, turn);
  const mine = first.data && older.key === `${key} ${first.readAt}` ? older : undefined;
  const items = useMemo(() => [...(first.data?.items ?? []), ...(mine?.items ?? [])], [first.data, mine]);
  const next = mine ? mine.next : (first.data?.next ?? null);
  useEffect(() => {
    if (!first.data) return;
    covered.value = { coverage: first.data.coverage, from: Date.parse(first.data.from), to: param("to") === "now" ? undefined : Date.parse(first.data.to) };
  }, [first.data]);
  useEffect(() => { command.value = changesCommand(place.value.params); }, [place.value]);
  const more = async () => {
    if (!first.data || !next || loading) return;
    setLoading(true);
    try {
      const page = await ask<ChangePage>("changes", { ...query, limit: String(PAGE), order: "desc", cursor: next });
      setOlder({ key: `${key} ${first.readAt}`, items: [...(mine?.items ?? []), ...page.items], next: page.next });
    } catch (error) {
      confirm(error instanceof Error ? error.message : "The rest could not be read");
    } finally {
      setLoading(false);
    }
  };
  if (!first.data) return <div class="page">{first.error ? <Failure error={first.error} onRetry={first.reload} /> : first.slow ? <Loading>Reading changes …</Loading> : null}</div>;
  const total = overview.data && !overview.outdated ? Math.max(overview.data.total, items.length) : undefined;
  return (
    <div class={`page changes ${first.outdated ? "outdated" : ""}`}>
      {first.error && <FailureStrip error={first.error} readAt={first.readAt} onRetry={first.reload} />}
      <Head page={first.data} items={items} query={query} />
      <section class="sheet over" aria-label="Changes over time">{overview.data?.overview && <Histogram answer={overview.data} />}</section>
      <Counts page={first.data} shown={items.length} total={total} />
      {fresh > 0 && <button type="button" class="btn waiting" onClick={() => again(n => n + 1)}>{many(fresh, "new change")}: show</button>}
      {items.length === 0 ? <Nothing page={first.data} /> : <Listed items={items} page={first.data} />}
      {next && <div class="row rest"><button type="button" class="btn" disabled={loading} onClick={() => void more()}>{loading ? "Reading …" : `Load ${count(PAGE)} older`}</button>
        <span class="note">{count(items.length)} of {total === undefined ? "more" : count(total)} are here; the newest come first.</span></div>}
    </div>
  );
}

/** Changes that came since: they wait, so that nothing moves under the pointer. */
function useFresh(key: string, turn: number): number {
  const [fresh, set] = useState(0);
  useEffect(() => {
    set(0);
    return onChanges(change => { if (following() && change.noise === "") set(n => n + 1); }, () => set(n => n + 1));
  }, [key, turn]);
  return fresh;
}

function Head({ page, items, query }: { page: ChangePage; items: readonly Change[]; query: Params }) {
  const by = (param("group") || "moment") as Grouping;
  const { from, to } = windowOf(page);
  return (
    <div class="head">
      <h1>Changes</h1>
      <span class="mut">{visible(param("ns") || "all namespaces")}, {moment(from, zone.value)} – {hms(to, zone.value)}</span>
      <span class="grow" />
      <div class="join" role="group" aria-label="Group by">{GROUPS.map(([id, name]) => <button key={id} type="button" class="btn" aria-pressed={by === id} onClick={() => go({ group: id === "moment" ? "" : id })}>{name}</button>)}</div>
      <button type="button" class="btn desk" onClick={() => void exportAs("csv", page, query)}>CSV</button>
      <button type="button" class="btn desk" onClick={() => void exportAs("jsonl", page, query)}>JSONL</button>
      <button type="button" class="btn desk" title="c" onClick={() => void copy(command.value, "Command copied")}>Copy as command</button>
      <span class="sr" role="status">{many(items.length, "change")} listed</span>
    </div>
  );
}

/** All changes of the window, not only those that are here. */
async function exportAs(kind: "csv" | "jsonl", page: ChangePage, query: Params): Promise<void> {
  confirm("Reading all changes …");
  const answer = await fetch(apiUrl("changes", { ...query, order: "desc", from: page.from, to: page.to }), { headers: { Accept: "application/jsonl" } });
  if (!answer.ok) return confirm("The server did not give them; nothing was saved");
  const text = await answer.text();
  const lines = text.split("\n").filter(Boolean);
  const hidden = page.hidden.noise + page.hidden.first_sight;
  const sentence = `Kubelapse, changes from ${page.from} to ${page.to}. ${page.coverage.complete ? "Every change of every watched kind is here." : coverageSentence(page.coverage)} ${count(hidden)} hidden.`;
  const name = `kubelapse-changes-${page.to.slice(0, 19).replaceAll(":", "")}`;
  if (kind === "jsonl") save(`${name}.jsonl`, "application/jsonl", [text]);
  else save(`${name}.csv`, "text/csv", [csvHead(sentence), "\r\n", lines.flatMap(each => csvLines(JSON.parse(each) as Change)).join("\r\n"), "\r\n"]);
  confirm(`${many(lines.length, "change")} saved`);
}

function Counts({ page, shown, total }: { page: ChangePage; shown: number; total: number | undefined }) {
  const { noise, first_sight } = page.hidden;
  const all = (total ?? shown) + noise + first_sight;
  const showing = param("noise") === "off" || param("first_sight") === "on";
  return (
    <section class="sheet counts" aria-label="What is hidden">
      <b>{count(total ?? shown)}</b> shown
      <span class="share" aria-hidden="true"><i style={{ width: `${all ? Math.max(2, ((total ?? shown) / all) * 100) : 0}%` }} /></span>
      {noise > 0 && <span><b>{count(noise)}</b> hidden as noise</span>}
      {first_sight > 0 && <span><b>{count(first_sight)}</b> {first_sight === 1 ? "first sight" : "first sights"} hidden</span>}
      {noise + first_sight === 0 && <span class="mut">nothing hidden</span>}
      <span class="grow" />
      {noise + first_sight > 0 && <button type="button" class="btn small" title="Noise and first sights too (n)" onClick={() => go({ noise: "off", first_sight: "on" })}>Show all</button>}
      {showing && <button type="button" class="btn small" onClick={() => go({ noise: "", first_sight: "" })}>Hide noise again</button>}
      {(param("path") || param("by")) && <button type="button" class="btn small desk" title="What the filters above name, as a noise rule for the server's configuration" onClick={() => void copy(noiseRule(place.value.params), "Noise rule copied: it goes into the configuration of the server")}>Copy as noise rule</button>}
    </section>
  );
}

function Nothing({ page }: { page: ChangePage }) {
  const { noise, first_sight } = page.hidden;
  const { from, to } = windowOf(page);
  const span = `from ${moment(from, zone.value)} to ${hms(to, zone.value)}`;
  if (noise + first_sight > 0) return <State title={noise ? "Only noise" : "Only first sights"} actions={<button type="button" class="btn small main" onClick={() => go({ noise: "off", first_sight: "on" })}>Show them</button>}>{many(noise + first_sight, "change")} {span}, all of them hidden: {noise > 0 && `${count(noise)} as noise`}{noise > 0 && first_sight > 0 && ", "}{first_sight > 0 && `${count(first_sight)} first seen when recording began`}.</State>;
  if (!page.coverage.complete) return <State hatched title="Nothing is known to have changed" actions={<a class="btn small" href={href("coverage")}>Coverage</a>}>No change was recorded {span}, but not everything was watched. {coverageSentence(page.coverage, zone.value)}</State>;
  return <State title="Nothing changed" actions={<button type="button" class="btn small main" onClick={() => go({ from: `now-1d`, to: "now" })}>Look at the last day</button>}>No change {span}. Everything asked for was watched the whole time.</State>;
}

function Listed({ items, page }: { items: readonly Change[]; page: ChangePage }) {
  const by = (param("group") || "moment") as Grouping;
  const sort = (param("sort") || "time") as SortKey, descending = (param("dir") || "desc") === "desc";
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [whole, setWhole] = useState<ReadonlySet<string>>(new Set());
  const [chosen, choose] = useState(-1);
  const rollouts = useRollouts(by, page);
  const listed = useMemo(() => rows(items, page.coverage.gaps, { by, sort, descending, folded, whole, rollouts }), [items, page, by, sort, descending, folded, whole, rollouts]);
  const turn = (set: ReadonlySet<string>, key: string) => { const made = new Set(set); if (!made.delete(key)) made.add(key); return made; };
  const open = (row: Row | undefined) => {
    if (row?.type === "change") location.assign(objectLink(row.change));
    else if (row?.type === "group") setFolded(turn(folded, row.key));
    else if (row?.type === "more") setWhole(turn(whole, row.group.key));
  };
  useEffect(() => addKeys([
    { keys: ["j", "ArrowDown"], does: "next row", run: () => choose(n => Math.min(n + 1, listed.length - 1)) },
    { keys: ["k", "ArrowUp"], does: "row before", run: () => choose(n => Math.max(n - 1, 0)) },
    { keys: ["Enter"], does: "open, fold", run: () => open(listed[chosen]) },
    { keys: ["f"], does: "fold, unfold all", run: () => setFolded(folded.size ? new Set() : new Set(groups(items, by === "flat" ? "moment" : by, rollouts).map(each => each.key))) },
  ]), [listed, chosen, folded, whole, rollouts]);
  useEffect(() => { const row = listed[chosen]; if (row?.type === "change") say(sentence(row.change)); }, [chosen]);
  const onSort = (id: SortKey) => go(sort === id ? { dir: descending ? "asc" : "" } : { sort: id === "time" ? "" : id, dir: id === "time" ? "" : "asc", ...(id !== "time" && by !== "flat" ? { group: "flat" } : {}) });
  return (
    <Rows listed={listed} chosen={chosen} sort={sort} descending={descending} zoneName={zone.value === "UTC" ? "UTC" : "local"} onSort={onSort} onChoose={choose}
      group={row => <GroupHead group={row.group} by={by} open={row.open} onTurn={() => setFolded(turn(folded, row.key))} />}
      change={row => <ChangeCells change={row.change} />}
      more={row => <button type="button" class="linklike" onClick={() => setWhole(turn(whole, row.group.key))}>{moreText(row.left)}</button>}
      gap={row => <GapText row={row} />} />
  );
}

/** Rollouts of the window and the scope, as far as `/rollouts` gives them in one answer, with their outcome as a title. */
function useRollouts(by: Grouping, page: ChangePage): readonly Rolled[] | undefined {
  const { cluster, namespace, selector } = windowQuery();
  const query = Object.fromEntries(Object.entries({ cluster, namespace, selector, from: page.from, to: page.to, limit: "500" }).filter((pair): pair is [string, string] => Boolean(pair[1])));
  const answer = useAnswer<{ items: Rollout[] }>(by === "rollout" ? "rollouts" : "", query);
  return useMemo(() => answer.data?.items.map(each => ({ ...each, title: rolloutTitle(each) })), [answer.data]);
}
function rolloutTitle(of: Rollout): string {
  const images = pushed(of).map(each => (each.old ? `${tagOf(each.old)} → ${tagOf(each.fresh)}` : tagOf(each.fresh)));
  return `Rollout of ${of.name}, ${images.slice(0, 2).join(", ") || what(of)}: ${outcome(of)}`;
}

const objectLink = (of: Change): string => objectHref({ cluster: of.cluster, namespace: of.namespace, resource: of.group ? `${of.resource}.${of.group}` : of.resource, name: of.name }, { at: of.ts, uid: "" });
const sentence = (of: Change): string => `${titleOf(of, classOf(of))} of ${of.kind} ${of.name}, ${hms(time(of), zone.value)}, by ${of.actor.name || "unknown"}`;

function moreText(left: readonly Change[]): string {
  const objects = new Set(left.map(each => each.uid)).size;
  const kinds = { create: 0, delete: 0 };
  for (const each of left) { const of = classOf(each); if (of === "create" || of === "delete") kinds[of]++; }
  const parts = [kinds.create && `${kinds.create} created`, kinds.delete && `${kinds.delete} deleted`].filter(Boolean);
  return `${count(left.length)} more on ${many(objects, "object")}${parts.length ? `: ${parts.join(", ")}` : ""}`;
}

function GroupHead({ group, by, open, onTurn }: { group: Group; by: Grouping; open: boolean; onTurn: () => void }) {
  const { lead, changes } = group;
  return (
    <button type="button" class="gh" aria-expanded={open} onClick={onTurn}>
      <span class="tw" aria-hidden="true">{open ? "▾" : "▸"}</span>
      <time dateTime={rfc3339(group.at)}>{moment(by === "moment" || by === "rollout" ? group.at : group.until, zone.value, now.value)}</time>
      {by === "object" && <Kind of={lead.group ? `${lead.resource}.${lead.group}` : lead.resource} />}
      <b class="clip"><SafeText>{by === "object" && lead.namespace ? `${lead.namespace}/${lead.name}` : group.title}</SafeText></b>
      {isHuman(lead.actor) && by !== "actor" && <span class="tag">by hand</span>}
      <span class="mut nowrap">{many(changes.length, "change")}{by !== "object" && ` · ${many(group.objects, "object")}`}{(by === "moment" || by === "rollout") && group.until - group.at >= 1000 && ` · took ${duration(group.until - group.at)}`}</span>
    </button>
  );
}

function ChangeCells({ change }: { change: Change }) {
  const cls = classOf(change), human = isHuman(change.actor), t = time(change);
  const { fields, more } = telling(change);
  return (
    <>
      <td class="at"><time dateTime={change.ts} title={`${rfc3339(t, zone.value)}${change.ts_error ? `, up to ${duration(change.ts_error * 1000)} earlier` : ""}`}>
        {change.ts_error > 0 && <span title="an estimate">≈ </span>}{moment(t, zone.value, now.value, change.ts_error === 0)}</time></td>
      <td class="g"><Mark of={cls} human={human} /><span class="sr">{cls}{human ? ", by a human" : ""}</span></td>
      <td class="obj"><Kind of={change.group ? `${change.resource}.${change.group}` : change.resource} /> <a href={objectLink(change)}><SafeText>{change.namespace && !param("ns") ? `${change.namespace}/${change.name}` : change.name}</SafeText></a></td>
      <td class="what">{change.op === "add" ? <span>{change.origin === "list" ? "first seen" : "created"}</span> : change.op === "delete" ? <span>deleted</span>
        : fields.length === 0 ? <span class="mut">only what says who owns which field</span>
          : fields.map(each => <div class="fld" key={each.path}><Path>{each.path}</Path><OldNew old={each.op === "add" ? undefined : clip(inline(each.old))} fresh={each.op === "remove" ? undefined : clip(inline(each.fresh))} /></div>)}
        {more > 0 && <a class="note" href={objectHref({ cluster: change.cluster, namespace: change.namespace, resource: change.group ? `${change.resource}.${change.group}` : change.resource, name: change.name }, { at: change.ts, a: `rv:${change.prev_rv}`, b: `rv:${change.rv}`, tab: "diff" })}>{many(more, "more field")}</a>}
        {change.noise && <span class="tag">noise: {visible(change.noise)}</span>}</td>
      <td class="by"><ActorName actor={change.actor} op={change.op} />{change.actor.subresource && <span class="mut"> {visible(change.actor.subresource)}</span>}</td>
    </>
  );
}
const clip = (text: string): string => (text.length > 160 ? `${text.slice(0, 158)}…` : text);

function GapText({ row }: { row: Extract<Row, { type: "gap" }> }) {
  const kinds = [...new Set(row.spans.map(each => each.resource || "all kinds"))];
  return (
    <div><b>{moment(row.from, zone.value, now.value)} – {hms(row.to, zone.value)} not watched ({duration(row.to - row.from)}).</b> {visible(kinds.slice(0, 6).join(", "))}{kinds.length > 6 && ` and ${kinds.length - 6} more`}: {visible(reasonText(row.spans[0]?.reason ?? ""))}. What happened in between is unknown.</div>
  );
}
