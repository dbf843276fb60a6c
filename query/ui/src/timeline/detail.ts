/** Where the answer came as bins, a second question for the window alone brings single marks, on the same lanes. */
import { useEffect, useState } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import { ask } from "../api/client";
import type { TimelineAnswer } from "../api/timeline";
import { useTask } from "../api/use";
import { scopeQuery } from "../state/url";
import { graft } from "./graft";
import { decode } from "./model";
import * as stage from "./stage";

/** The hand rests this long before the server is asked. */
const REST = 250;

export function useDetail(): void {
  const [wanted, want] = useState("");
  useSignalEffect(() => {
    const m = stage.model.value, v = stage.view.value;
    if (!m?.binned || !v || v.t1 - v.t0 > (m.to - m.from) * 0.7) return;
    const have = stage.detail.peek();
    const span = v.t1 - v.t0;
    if (have && have.from <= v.t0 && have.to >= Math.min(v.t1, m.to) && (!have.binned || have.to - have.from < span * 4)) return;
    const timer = setTimeout(() => want(JSON.stringify({ from: new Date(Math.max(v.t0 - span / 2, m.from)).toISOString(), to: new Date(Math.min(v.t1 + span / 2, Math.max(m.to, m.from + 1))).toISOString() })), REST);
    return () => clearTimeout(timer);
  });
  const query = { ...scopeQuery(), ...(wanted ? (JSON.parse(wanted) as Record<string, string>) : {}), parts: "lanes,marks,bars" };
  const answer = useTask<TimelineAnswer>(wanted ? JSON.stringify(query) : "", signal => ask<TimelineAnswer>("timeline", query, signal));
  useEffect(() => {
    const wide = stage.model.peek();
    stage.detail.value = answer.data && wide ? decode(graft(answer.data, wide), wide.lanes) : undefined;
  }, [answer.data, stage.model.value]);
  useEffect(() => () => { stage.detail.value = undefined; }, []);
}
