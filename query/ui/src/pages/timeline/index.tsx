/** The timeline: overview, ruler, lanes with their tree, and the panel that says who, what, when and whether it is still so. */
import "./style.css";
import { useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { TimelineAnswer } from "../../api/timeline";
import type { ClusterItem } from "../../api/types";
import { useAnswer, useTask } from "../../api/use";
import { following, onChanges } from "../../live";
import { addKeys } from "../../state/keys";
import { go, href, param, windowQuery } from "../../state/url";
import { command, covered } from "../../state/view";
import { Legend } from "../../ui/glyphs";
import { Failure, FailureStrip, Loading } from "../../ui/parts";
import { shellWord } from "../../ui/kinds";
import { palette } from "../../ui/strip";
import { count } from "../../ui/time";
import { decode } from "../../timeline/model";
import { useDetail } from "../../timeline/detail";
import { useDrifts } from "../../timeline/drifts";
import * as stage from "../../timeline/stage";
import { Chart } from "./chart";
import { Nothing } from "./nothing";
import { Panel } from "./panel";
import { diffLink, follow, openObject } from "./links";

/** Reading again while changes come in: not more often than this. */
const REST = 2_000;

export default function TimelinePage() {
  const query = useComputed(() => JSON.stringify(windowQuery()));
  const asked = JSON.parse(query.value) as Record<string, string>;
  const [again, reread] = useState(0);
  const answer = useTask<TimelineAnswer>(query.value, signal => ask<TimelineAnswer>("timeline", asked, signal), again);
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters", {}, again);
  const waiting = useNews(() => reread(n => n + 1));

  const model = useMemo(() => {
    if (!answer.data) return undefined;
    performance.mark("timeline-data");
    return decode(answer.data);
  }, [answer.data]);
  useEffect(() => stage.bind(), []);
  useEffect(() => () => { stage.drawn.value = false; stage.model.value = undefined; }, []); // another visit begins anew
  useEffect(() => void palette(), []); // while the answer is on its way
  // Before the first frame, so that it shows the data.
  useLayoutEffect(() => {
    if (!model) return;
    stage.skew.value = model.openEnd ? model.to - answer.readAt : 0;
    stage.model.value = model;
    if (!stage.view.value) stage.view.value = stage.fitted();
  }, [model]);
  useEffect(() => {
    const mine = (clusters.data?.items ?? []).filter(each => !param("cluster") || param("cluster").split(",").includes(each.cluster));
    const since = mine.map(each => Date.parse(each.watched_since ?? "")).filter(Number.isFinite), known = mine.map(each => Date.parse(each.watermark ?? "")).filter(Number.isFinite);
    const slow = known.length ? Math.min(...known) : undefined;
    stage.watched.value = { since: since.length ? Math.min(...since) : undefined, known: slow !== undefined && Date.now() + stage.skew.value - slow > 15_000 ? slow : undefined };
    if (model && !param("view")) stage.view.value = stage.fitted();
  }, [clusters.data, model === undefined, param("cluster")]);
  useEffect(() => { if (model) covered.value = { coverage: model.answer.coverage, from: model.from, to: model.openEnd ? undefined : model.to }; }, [model]);
  useDetail();
  useDrifts(again);
  useTail();
  useKeys();
  useCommand();

  if (!model && answer.error) return <div class="page"><h1 class="sr">Timeline</h1><Failure error={answer.error} onRetry={answer.reload} /></div>;
  // The chart stands before the data comes: then there is nothing left to do but to draw.
  const empty = !model ? (answer.slow ? <Loading>Reading changes{param("from").startsWith("now-") && ` of the last ${param("from").slice(4)}`} …</Loading> : <></>) : model.lanes.length === 0 ? <Nothing model={model} clusters={clusters.data?.items ?? []} /> : undefined;
  return (
    <div class="timeline">
      <h1 class="sr">Timeline of {asked["namespace"] || "all namespaces"}</h1>
      {answer.error && <FailureStrip error={answer.error} readAt={answer.readAt} onRetry={answer.reload} />}
      <div class={`work ${answer.outdated ? "outdated" : ""}`}>
        <Chart model={model} news={waiting} onNews={() => reread(n => n + 1)} empty={empty} />
        <Panel model={model} />
      </div>
      <footer class="status desk">
        <Legend />
        <span class="grow" />
        {model && <Hidden model={model} />}
        <a class="nowrap" href={href("changes")}>As a table</a>
      </footer>
    </div>
  );
}

function Hidden({ model }: { model: NonNullable<typeof stage.model.value> }) {
  const { noise } = model.answer.hidden;
  if (param("noise") === "off") return <span class="nowrap">noise is shown · <button type="button" class="linklike" onClick={() => go({ noise: "" })}>hide</button></span>;
  if (!noise) return null;
  return <span class="nowrap">{count(noise)} hidden as noise · <button type="button" class="linklike" onClick={() => go({ noise: "off" })}>show</button></span>;
}

/** New changes: taken in at once while nobody points at the chart, else counted until asked for. */
function useNews(read: () => void): number {
  const [waiting, set] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    let timer = 0, due = 0;
    const take = () => { timer = 0; due = 0; set(0); latest.current(); };
    const come = () => {
      due++;
      const held = document.querySelector(".chart:hover") !== null || stage.head.peek() !== undefined;
      if (held) return set(due);
      timer ||= window.setTimeout(take, REST);
    };
    const stop = onChanges(come, () => { timer ||= window.setTimeout(take, REST); });
    // The watermark and what was watched move without changes, too.
    const slow = window.setInterval(() => { if (following() && !document.hidden && !due) latest.current(); }, 20_000);
    return () => { stop(); clearTimeout(timer); clearInterval(slow); };
  }, []);
  return waiting;
}

/** While the right edge is at now and nothing in the past is chosen, the window moves with it. */
function useTail(): void {
  const before = useRef(0);
  useSignalEffect(() => {
    const t = stage.present.value, v = stage.view.peek();
    const moved = before.current ? t - before.current : 0;
    before.current = t;
    if (!v || moved <= 0 || moved > 60_000 || !following() || stage.head.peek() !== undefined || stage.watched.peek().known !== undefined) return;
    if (t > v.t0 && t <= v.t1 + moved) stage.view.value = { t0: v.t0 + moved, t1: v.t1 + moved };
  });
}

function useKeys(): void {
  useEffect(() => addKeys([
    { keys: ["ArrowLeft", "ArrowRight"], does: "previous, next change", run: key => stage.step(key === "ArrowLeft" ? -1 : 1) },
    { keys: ["j", "k", "ArrowDown", "ArrowUp"], does: "next, previous lane", shown: "j k", run: key => stage.stepRow(key === "j" || key === "ArrowDown" ? 1 : -1) },
    { keys: ["Shift+ArrowLeft", "Shift+ArrowRight"], does: "move the play-head", shown: "Shift ← →", run: key => stage.nudge(key === "Shift+ArrowLeft" ? -1 : 1) },
    { keys: ["o", " "], does: "open or fold the lane", shown: "o", run: () => { const row = stage.rows.peek()[stage.chosenIndex.peek()]; if (row?.open !== undefined) stage.fold(row); } },
    { keys: ["p"], does: "keep the lane on top", run: () => { const row = stage.rows.peek()[stage.chosenIndex.peek()]; if (row) stage.pinRow(row); } },
    { keys: ["a", "b"], does: "pin A, pin B at the play-head", run: key => stage.setPin(key as "a" | "b") },
    { keys: ["d"], does: "diff A to B", run: () => follow(diffLink()) },
    { keys: ["+", "=", "-"], does: "zoom in, out", shown: "+ −", run: key => stage.zoom(key === "-" ? 1 / 0.6 : 0.6) },
    { keys: ["0"], does: "fit", run: stage.fit },
    { keys: ["Enter"], does: "open the object", run: () => { const row = stage.rows.peek()[stage.chosenIndex.peek()]; if (row?.lane) openObject(row); else if (row) stage.fold(row); } },
    { keys: ["Escape"], does: "choose nothing, back to now", shown: "Esc", run: () => { stage.choose(undefined); stage.head.value = undefined; } },
  ]), []);
}
function useCommand(): void {
  useSignalEffect(() => {
    const row = stage.rows.value[stage.chosenIndex.value], v = stage.view.value;
    const t = new Date(stage.at.value).toISOString();
    const scope = param("ns") ? ` -n ${shellWord(param("ns"))}` : "";
    command.value = row?.lane ? `kubelapse show ${shellWord(`${row.lane.resource}/${row.lane.name}`)}${row.lane.namespace ? ` -n ${shellWord(row.lane.namespace)}` : ""} --at ${t}`
      : v ? `kubelapse changes${param("kind") ? ` ${shellWord(param("kind"))}` : ""}${scope} --from ${new Date(v.t0).toISOString()} --to ${new Date(v.t1).toISOString()}` : "";
  });
}
