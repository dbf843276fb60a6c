/** What differs between A and B: fields first, then the two texts as one or side by side. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isBookkeeping } from "../../api/changed";
import { objectPath } from "../../api/client";
import type { ObjectDiff, Side } from "../../api/types";
import { useAnswer } from "../../api/use";
import { addKeys } from "../../state/keys";
import type { ObjectId } from "../../state/object";
import { now, zone } from "../../state/view";
import { Failure, Loading, OldNew, State } from "../../ui/parts";
import { inline, Path } from "../../ui/safe";
import { many, moment } from "../../ui/time";
import { hunks, lineDiff, pairs, type Edit } from "./linediff";
import { yamlLines } from "./yaml";

export type Tab = "diff" | "unified" | "side";
const quiet = (path: string): boolean => path.startsWith("status") || isBookkeeping(path);

export function Difference({ of, uid, a, b, tab, onField }: { of: ObjectId; uid: string; a: string; b: string; tab: Tab; onField: (path: string) => void }) {
  const [status, setStatus] = useState(false);
  const answer = useAnswer<ObjectDiff>(`${objectPath(of)}/diff`, { from: a, to: b, ...(uid ? { uid } : {}) });
  const found = answer.data;
  if (!found) return answer.error ? <Failure error={answer.error} onRetry={answer.reload} /> : answer.slow ? <Loading>Comparing …</Loading> : null;
  const shown = found.fields.filter(each => status || !quiet(each.path)), left = found.fields.length - shown.length;
  if (found.result === "same" || found.fields.length === 0) return <State title="Nothing differs">{side(found.from)} and {side(found.to)} are equal.</State>;
  const hidden = left > 0 || status ? <p class="note pad">{left > 0 && `${many(left, "field")} of status and bookkeeping changed as well. `}<button type="button" class="linklike" onClick={() => setStatus(!status)}>{status ? "Hide status" : "Show them"}</button></p> : null;
  if (tab === "diff") return (
    <div class="fields">
      {shown.length === 0 && <p class="note pad">No field of the specification differs.</p>}
      {shown.map(each => (
        <div class="fd" key={each.path}>
          <button type="button" class="key" title="History of this field" onClick={() => onField(each.path)}><Path>{each.path}</Path></button>
          {each.comparable ? <OldNew old={each.op === "add" ? undefined : inline(each.old)} fresh={each.op === "remove" ? undefined : inline(each.new)} /> : <p class="note">Redacted under different keys: whether it differs is unknown.</p>}
        </div>
      ))}
      {hidden}
    </div>
  );
  return <><Texts found={found} status={status} beside={tab === "side"} />{hidden}</>;
}
const side = (of: Side): string => moment(Date.parse(of.at), zone.value, now.value);

function Texts({ found, status, beside }: { found: ObjectDiff; status: boolean; beside: boolean }) {
  const edits = useMemo(() => {
    const text = (of: ObjectDiff["before"]) => { if (!of) return []; const { status: _, ...rest } = of; return yamlLines(status ? of : rest).map(each => each.text); };
    return lineDiff(text(found.before), text(found.after));
  }, [found, status]);
  const parts = useMemo(() => hunks(edits), [edits]);
  const box = useRef<HTMLDivElement>(null), at = useRef(-1);
  useEffect(() => {
    const jump = (by: number) => {
      const heads = box.current?.querySelectorAll(".h") ?? [];
      at.current = Math.min(Math.max(at.current + by, 0), heads.length - 1);
      heads[at.current]?.scrollIntoView({ block: "start" });
    };
    return addKeys([{ keys: ["]"], does: "next hunk", run: () => jump(1) }, { keys: ["["], does: "hunk before", run: () => jump(-1) }]);
  }, []);
  return (
    <div class={beside ? "uni two" : "uni"} ref={box} tabIndex={0} role="region" aria-label="Differences">
      {parts.map((part, n) => (
        <div class="hunk" key={n}>
          <div class="h">{part.skipped > 0 ? `${many(part.skipped, "equal line")}` : "from the beginning"}</div>
          {beside ? pairs(part.edits).map(([old, fresh], m) => <div class="pair" key={m}><Line of={old} /><Line of={fresh} /></div>) : part.edits.map((each, m) => <Line key={m} of={each} />)}
        </div>
      ))}
    </div>
  );
}
const Line = ({ of }: { of: Edit | undefined }) => <div class={of?.kind === "-" ? "d" : of?.kind === "+" ? "a" : ""}><span class="sg">{of?.kind === " " ? "" : of?.kind === "-" ? "−" : of?.kind}</span>{of?.text ?? ""}</div>;
