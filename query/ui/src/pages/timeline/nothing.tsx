/** No lanes: sure, hidden as noise, or nobody was watching. Each is said in its own words. */
import type { ClusterItem } from "../../api/types";
import { go, param } from "../../state/url";
import { zone } from "../../state/view";
import type { Model } from "../../timeline/model";
import { State } from "../../ui/parts";
import { GoToRecords, records } from "../../ui/unwatched";
import { visible } from "../../ui/safe";
import { count, hms, moment } from "../../ui/time";

export function Nothing({ model, clusters }: { model: Model; clusters: readonly ClusterItem[] }) {
  const { hidden, coverage } = model.answer, z = zone.value;
  const where = visible(param("ns") || param("cluster") || "all namespaces"), when = `${moment(model.from, z)} to ${hms(model.to, z)}`;
  const found = records(clusters);
  const elsewhere = found && (found[0] > model.to || found[1] < model.from) && <GoToRecords clusters={clusters} />;
  if (hidden.noise) return <State title="Only noise" actions={<button type="button" class="btn small main" onClick={() => go({ noise: "off" })}>Show them</button>}>{count(hidden.noise)} changes from {when}, all of them hidden as noise.</State>;
  if (!coverage.complete) return <State hatched title="Nobody was watching" actions={elsewhere}>{where[0]!.toUpperCase() + where.slice(1)}: not recorded the whole time from {when}. Whether anything changed is unknown. {visible(coverage.why.join(" "))}</State>;
  return <State title="Nothing changed" actions={elsewhere}>No change in {where} from {when}. Every kind asked for was watched the whole time.</State>;
}
