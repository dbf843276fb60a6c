/** No lanes: sure, hidden as noise, or nobody was watching. Each is said in its own words. */
import type { ClusterItem } from "../../api/types";
import { go, param } from "../../state/url";
import { zone } from "../../state/view";
import type { Model } from "../../timeline/model";
import { State } from "../../ui/parts";
import { visible } from "../../ui/safe";
import { count, hms, moment } from "../../ui/time";

export function Nothing({ model, clusters }: { model: Model; clusters: readonly ClusterItem[] }) {
  const { hidden, coverage } = model.answer, z = zone.value;
  const where = visible(param("ns") || param("cluster") || "all namespaces"), when = `${moment(model.from, z)} to ${hms(model.to, z)}`;
  const first = Math.min(...clusters.map(each => Date.parse(each.watched_since ?? "")).filter(Number.isFinite)), last = Math.max(...clusters.map(each => Date.parse(each.watermark ?? "")).filter(Number.isFinite));
  const records = Number.isFinite(first) && (first > model.to || last < model.from) && (
    <button type="button" class="btn small main" onClick={() => go({ from: new Date(first - 1000).toISOString(), to: new Date(last + 1000).toISOString(), view: "", at: "", live: "off" })}>Go to the records, {moment(first, z)} – {hms(last, z)}</button>
  );
  if (hidden.noise) return <State title="Only noise" actions={<button type="button" class="btn small main" onClick={() => go({ noise: "off" })}>Show them</button>}>{count(hidden.noise)} changes from {when}, all of them hidden as noise.</State>;
  if (!coverage.complete) return <State hatched title="Nobody was watching" actions={records}>{where} was not recorded the whole time from {when}. Whether anything changed is unknown. {visible(coverage.why.join(" "))}</State>;
  return <State title="Nothing changed" actions={records}>No change in {where} from {when}. Every kind asked for was watched the whole time.</State>;
}
