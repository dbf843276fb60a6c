/** Home: what needs eyes now, how well it is known, rollouts, what people did, pins. */
import "./style.css";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { ask } from "../../api/client";
import type { TimelineAnswer } from "../../api/timeline";
import type { ClusterItem, Coverage, CoverageReport } from "../../api/types";
import { useAnswer, useTask } from "../../api/use";
import { href, param, windowQuery } from "../../state/url";
import { command, covered, needEyes, now, zone } from "../../state/view";
import { drawStrip } from "../../timeline/card";
import { drawAxis, drawWatch } from "../../timeline/strips";
import { byPeople, type Eye, needs, well } from "../../timeline/eyes";
import { ordered } from "../../timeline/merge";
import { decode, type Model, noteAt } from "../../timeline/model";
import { laneId, plant } from "../../timeline/rows";
import { type Class, Mark, PinIcon, StateGlyph, type State as StateName } from "../../ui/glyphs";
import { shortKind } from "../../ui/kinds";
import { Failure, FailureStrip, Loading } from "../../ui/parts";
import { SafeText, visible } from "../../ui/safe";
import { Strip } from "../../ui/strip";
import { verdict } from "../../ui/coverage";
import { count, duration, hms, instant, many, moment } from "../../ui/time";
import { useRefresh } from "../../ui/refresh";
import { Unwatched } from "../../ui/unwatched";
import { partly } from "../../who";
import { outcome, pushed, type Rollout, tagOf, what } from "../rollouts/model";

interface Pins {
  items: { name: string; at: string; note?: string; text?: string; by?: string }[];
}

export default function Home() {
  const again = useRefresh();
  const query = windowQuery(), key = JSON.stringify(query);
  const answer = useTask<TimelineAnswer>(key, signal => ask<TimelineAnswer>("timeline", query, signal), again);
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters", {}, again);
  const rollouts = useAnswer<{ items: Rollout[] }>("rollouts", { ...query, limit: "6" }, again);
  const report = useAnswer<CoverageReport>("coverage", query, again);
  const pins = useAnswer<Pins>("pins", {}, again);
  const model = useMemo(() => (answer.data ? decode(answer.data) : undefined), [answer.data]);
  const t = useMemo(() => (model ? edge(model, clusters.data?.items ?? []) : 0), [model, clusters.data]);
  const eyes = useMemo(() => (model ? needs(model, plant(model), t) : []), [model, t]);
  const live = eyes.filter(each => each.kind !== "failed"), past = eyes.filter(each => each.kind === "failed");
  useEffect(() => {
    if (!model) return;
    needEyes.value = live.length;
    covered.value = { coverage: model.answer.coverage, from: model.from, to: model.openEnd ? undefined : model.to };
    command.value = `kubelapse changes --from ${new Date(model.from).toISOString()}`;
  }, [model, live.length]);

  if (!model) return <div class="page"><h1 class="sr">Home</h1>{answer.error ? <Failure error={answer.error} onRetry={answer.reload} /> : answer.slow ? <Loading>Reading the last hours …</Loading> : null}</div>;
  const stale = Date.now() - t > 60_000 && model.openEnd;
  const unwatched = verdict(model.answer.coverage, model.from, model.openEnd ? undefined : model.to, model.to, zone.value).kind === "unknown" && !model.lanes.length;
  const scope = visible(param("cluster") || (clusters.data?.items.length === 1 ? clusters.data.items[0]!.cluster : "all clusters"));
  return (
    <>
      {answer.error && <FailureStrip error={answer.error} readAt={answer.readAt} onRetry={answer.reload} />}
      <div class="page home">
        <div class="head"><h1>{unwatched ? "Nobody was watching in this range" : live.length ? `${many(live.length, "thing")} ${live.length === 1 ? "needs" : "need"} eyes` : stale ? "Nothing failed when last heard" : past.length ? "Nothing fails now" : "Nothing needs eyes"}</h1>
          <span class="mut">{scope}{param("ns") && ` / ${visible(param("ns"))}`}, as of {moment(t, zone.value, now.value)} {zone.value === "UTC" ? "UTC" : ""}</span></div>
        <div class="two">
          <div class="stack wide">
            <section class="sheet" aria-label="Needs eyes now">
              {[...live, ...past.slice(0, Math.max(0, 6 - live.length))].map(each => <EyeCard key={each.lane} eye={each} model={model} t={t} />)}
              {unwatched && <Unwatched clusters={clusters.data?.items ?? []} />}
              <div class="ok">{unwatched ? "Whether anything changed then is unknown." : <>{eyes.length ? "Nothing else, as far as watched: " : "As far as watched: "}{many(well(model, t), "object")} ready, {many(model.lanes.length, "object")} in all, {many(model.total, "change")} in this range.</>}</div>
            </section>
            <Section title="Coverage" note={rangeWords()} more={<a href={href("coverage")}>By kind</a>}>
              {report.data ? <Watch report={report.data} clusters={clusters.data?.items ?? []} /> : report.error && <Failure error={report.error} />}
            </Section>
            <Section title="Rollouts" note={rangeWords()} more={<a href={href("rollouts")}>All</a>}>
              {rollouts.data?.items.map(each => <RolloutLine key={each.started + each.name} of={each} />)}
              {rollouts.data && !rollouts.data.items.length && <p class="none">No rollout in this range.</p>}
              {rollouts.error && !rollouts.data && <p class="none">Rollouts could not be read.</p>}
            </Section>
          </div>
          <div class="stack wide">
            <Section title="Changes by people" note={rangeWords()}><People model={model} /></Section>
            <Section title="Pins">
              {pins.data?.items.slice(0, 8).map(each => <Line key={each.name} glyph={<PinIcon />} link={href("timeline", { at: each.at, a: each.at })} name={each.name} at={Date.parse(each.at)} note={each.note ?? each.text ?? ""} />)}
              {!pins.data?.items.length && <p class="none">{partly.value ? "Pins are free text about anything: who sees everything sees them." : <>No pin yet. A pin gives a moment a name: <code>kubelapse pin before-release</code></>}</p>}
            </Section>
          </div>
        </div>
      </div>
    </>
  );
}

/** The moment that counts as now: the end of the range, or where the recording ends. */
function edge(model: Model, clusters: readonly ClusterItem[]): number {
  const marks = clusters.map(each => Date.parse(each.watermark ?? "")).filter(Number.isFinite);
  const known = marks.length ? Math.min(...marks) : model.to;
  return model.openEnd && model.to - known > 15_000 && known > model.from ? known : model.to;
}
const rangeWords = (): string => {
  const t = now.peek(), from = instant(param("from"), t, zone.value);
  return param("to") === "now" && from !== undefined ? `last ${duration(t - from)}` : "in this range";
};

const Section = ({ title, note, more, children }: { title: string; note?: string; more?: ComponentChildren; children: ComponentChildren }) => (
  <section class="sheet"><header><h2>{title}</h2>{note && <span class="mut">{note}</span>}<span class="grow" />{more}</header>{children}</section>
);

function EyeCard({ eye, model, t }: { eye: Eye; model: Model; t: number }) {
  const lane = model.lanes[eye.lane]!, z = zone.value;
  const span = Math.max(t - Math.max(model.from, Math.min(eye.from, t - 6e4)), 6e4) * 1.35;
  const view = { t0: Math.max(model.from, t - span), t1: t };
  const order = useMemo(() => ordered(model, eye.lanes), [model, eye]);
  const link = href("timeline", { sel: laneId(lane), at: new Date(eye.kind === "failed" ? Math.max(eye.from, model.from) + Math.min(1000, (eye.to - eye.from) / 2) : eye.kind === "failing" ? Math.max(eye.from, model.from) + Math.min(1000, (t - eye.from) / 2) : t).toISOString(), live: "off" });
  return (
    <article class="eye">
      <span class="ic"><EyeGlyph eye={eye} /></span>
      <div><h2>{eyeTitle(eye, model, t)}</h2><p>{eyeText(eye, model, t)}</p></div>
      <Strip height={34} draw={(g, p, w, h) => drawStrip(g, p, model, eye.lanes, order, view, t, z, w, h)} />
      <a class="btn" href={link}>Look<span class="sr"> at {visible(lane.name)}</span></a>
    </article>
  );
}
const EyeGlyph = ({ eye }: { eye: Eye }) => (eye.kind === "flapping" ? <Mark of="spec" /> : <StateGlyph state={({ failing: "failing", stuck: "progressing", failed: "ready" } as Record<string, StateName>)[eye.kind]!} label={false} />);

function eyeTitle(eye: Eye, model: Model, t: number): string {
  const lane = model.lanes[eye.lane]!, name = visible(lane.name), began = eye.from < model.from;
  if (eye.kind === "failing") return `${name} has been failing ${began ? `for more than ${duration(t - model.from)}` : `for ${duration(t - eye.from)}`}`;
  if (eye.kind === "stuck") return `${name} has not become ready for ${duration(t - eye.from)}`;
  if (eye.kind === "flapping") return `${name} turned ${eye.turns} times`;
  return `${name} failed for ${duration(eye.to - Math.max(eye.from, model.from))}, not any more`;
}
function eyeText(eye: Eye, model: Model, t: number): string {
  const lane = model.lanes[eye.lane]!, speaker = model.lanes[eye.speaker]!, z = zone.value;
  const said = noteAt(model, eye.speaker, Math.min(Math.max(eye.from, model.from), t) + 1) || noteAt(model, eye.speaker, (Math.max(eye.from, model.from) + eye.to) / 2);
  const below = eye.speaker !== eye.lane ? `${shortKind(speaker.resource)} ${visible(speaker.name)}` : "";
  const note = said ? `${below ? `${below}: ` : ""}${visible(said)}. ` : below ? `${below}. ` : "";
  const people = byPeople(model, 200).find(i => (model.lane[i] === eye.lane || model.lanes[model.lane[i]!]!.namespace === lane.namespace) && model.t[i]! <= eye.from && eye.from - model.t[i]! < 36e5);
  const before = people === undefined ? "" : `${duration(eye.from - model.t[people]!)} before, ${visible(model.strings[model.actor[people]!] ?? "")} changed ${visible(model.lanes[model.lane[people]!]!.name)}.`;
  const when = eye.from < model.from ? "" : eye.kind === "failed" ? `from ${hms(eye.from, z)} to ${hms(eye.to, z)}` : `since ${hms(eye.from, z)}`;
  const where = lane.namespace ? `In ${visible(lane.namespace)}` : "Cluster-wide";
  return `${where}${when && `, ${when}`}. ${note}${before}`;
}

function Watch({ report, clusters }: { report: CoverageReport; clusters: readonly ClusterItem[] }) {
  const to = Date.parse(report.to), from = report.from ? Date.parse(report.from) : to - 36e5, view = { t0: from, t1: to };
  const names = clusters.map(each => each.cluster).filter(each => !param("cluster") || param("cluster").split(",").includes(each));
  const spans = (list: readonly { cluster: string; from: string; to: string }[], of: string) => list.filter(each => each.cluster === of).map(each => [Date.parse(each.from), Date.parse(each.to)] as const);
  return (
    <>
      <div class="covers">
        {names.map(name => {
          const item = clusters.find(each => each.cluster === name)!;
          const own: Coverage = { ...report.coverage, gaps: report.gaps.filter(each => each.cluster === name), late: report.late.filter(each => each.cluster === name), watched_since: item.watched_since, watermark: item.watermark };
          const found = verdict(own, from, undefined, to, zone.value);
          const watched = item.watched_since ? [[Date.parse(item.watched_since), item.watermark && to - Date.parse(item.watermark) > 15_000 ? Date.parse(item.watermark) : to] as const] : [];
          return <div class="cov" key={name}><SafeText class="clip">{name}</SafeText><Strip height={22} label={`${name}: ${found.chip}`} draw={(g, p, w, h) => drawWatch(g, p, view, watched, spans(report.gaps, name), spans(report.late, name), w, h)} /><span class={`row cover ${found.kind === "unknown" ? "gap" : found.kind}`}><i aria-hidden="true">{found.kind === "complete" ? "✓" : ""}</i>{found.chip}</span></div>;
        })}
        <div class="cov"><span /><Strip height={16} draw={(g, p, w) => drawAxis(g, p, view, zone.value, w)} /><span /></div>
      </div>
      <p class="note under">Hatched: nobody was watching, changes there may be missing. Half height: read late, moments are estimates.</p>
    </>
  );
}

const RESULT: Readonly<Record<Rollout["result"], StateName>> = { complete: "ready", "rolled-back": "failing", failed: "failing", incomplete: "progressing", superseded: "exists", deleted: "gone" };
function RolloutLine({ of }: { of: Rollout }) {
  const resource = of.group ? `${of.resource}.${of.group}` : of.resource, images = pushed(of);
  const name = images.length ? `${of.name} → ${images.map(each => tagOf(each.fresh)).join(", ")}` : `${of.name} ${what(of)}`;
  const notes = [of.rollback ? "a rollback" : "", outcome(of), of.waiting, of.failures[0]?.reason ?? "", of.by ? `by ${of.by}` : ""];
  return <Line glyph={<StateGlyph state={RESULT[of.result]} label={false} />} link={href("timeline", { sel: laneId({ cluster: of.cluster, namespace: of.namespace, resource, name: of.name }), at: of.started })}
    name={name} at={Date.parse(of.started)} note={notes.filter(Boolean).join(", ")} />;
}

function People({ model }: { model: Model }) {
  const found = byPeople(model, 8);
  if (!found.length) return <p class="none">{model.binned ? `${count(model.total)} changes: choose a shorter range to see them one by one.` : "No change by a tool that people use."}</p>;
  return <>{found.map(i => {
    const lane = model.lanes[model.lane[i]!]!, cls = (model.answer.classes[model.cls[i]!] ?? "spec") as Class;
    return <Line key={i} glyph={<Mark of={cls} human />} link={href("timeline", { sel: laneId(lane), at: new Date(model.t[i]!).toISOString(), rev: `${model.lives.uid[model.life[i]!]}:${model.epochs.get(i) ?? model.lives.epoch[model.life[i]!]}:${model.seq[i]}` })}
      name={`${shortKind(lane.resource)}/${lane.name}`} at={model.t[i]!} note={`${model.strings[model.actor[i]!] || "somebody"}, ${cls}${lane.namespace ? ` in ${lane.namespace}` : ""}`} />;
  })}</>;
}

const Line = ({ glyph, link, name, at, note }: { glyph: ComponentChildren; link: string; name: string; at: number; note: string }) => (
  <div class="li">{glyph}<a class="clip" href={link}><SafeText>{name}</SafeText></a><time class="mut">{moment(at, zone.value, now.value)}</time>{note && <div class="note">{visible(note)}</div>}</div>
);
