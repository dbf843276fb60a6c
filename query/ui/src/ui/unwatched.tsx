/** Nobody was watching: where the records are instead. */
import type { ClusterItem } from "../api/types";
import { go } from "../state/url";
import { zone } from "../state/view";
import { State } from "./parts";
import { duration, hms, moment } from "./time";

/** From the first moment watched to the last that is complete; undefined where there is none. */
export function records(clusters: readonly ClusterItem[]): readonly [number, number] | undefined {
  const times = (key: "watched_since" | "watermark") => clusters.map(each => Date.parse(each[key] ?? "")).filter(Number.isFinite);
  const first = Math.min(...times("watched_since")), last = Math.max(...times("watermark"));
  return last > first ? [first, last] : undefined;
}

export function GoToRecords({ clusters }: { clusters: readonly ClusterItem[] }) {
  const [first, last] = records(clusters) ?? [];
  if (first === undefined || last === undefined) return null;
  // A long record is shown by its end: that is what can be drawn mark by mark.
  const from = Math.max(first - 1000, last - 4 * 36e5);
  return (
    <button type="button" class="btn small main" onClick={() => go({ from: new Date(from).toISOString(), to: new Date(last + 1000).toISOString(), view: "", at: "", live: "off" })}>
      Go to the {from > first ? "newest " : ""}records, {moment(Math.max(from, first), zone.value)} – {hms(last, zone.value)}
    </button>
  );
}

export function Unwatched({ clusters }: { clusters: readonly ClusterItem[] }) {
  const found = records(clusters);
  if (!found) return <State title="No cluster was recorded yet"><code>kubelapse up</code> records the current context, <code>kubelapse demo</code> an incident to try this on.</State>;
  return <State hatched title="Nobody was watching" actions={<GoToRecords clusters={clusters} />}>Recorded from {moment(found[0], zone.value)} to {moment(found[1], zone.value)} ({duration(found[1] - found[0])}).</State>;
}
