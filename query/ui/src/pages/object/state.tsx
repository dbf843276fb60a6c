/** The object as it was: YAML with folding and search, and beside each line who wrote it and since when. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { KubeObject } from "../../api/types";
import { addKeys } from "../../state/keys";
import { now, say, zone } from "../../state/view";
import { SafeText, visible } from "../../ui/safe";
import { day, duration, hms, rfc3339, sameDay } from "../../ui/time";
import type { BlamedField } from "./ask";
import { locate, unfolded, usuallyFolded, yamlLines } from "./yaml";

const MOST = 6000;

export function Yaml({ object, blame, changed, onField }: { object: KubeObject; blame: readonly BlamedField[]; changed: number; onField: (path: string) => void }) {
  const lines = useMemo(() => yamlLines(object), [object]);
  const authors = useMemo(() => {
    const found = new Map<string, BlamedField>();
    for (const each of blame) { const at = locate(object, each.path); if (at !== undefined) found.set(at, each); }
    return found;
  }, [object, blame]);
  const [folded, setFolded] = useState<ReadonlySet<string>>(() => usuallyFolded(lines));
  const [text, setText] = useState("");
  const [hit, setHit] = useState(0);
  const box = useRef<HTMLDivElement>(null), find = useRef<HTMLInputElement>(null);
  const hits = useMemo(() => (text ? lines.flatMap((each, n) => (each.text.toLowerCase().includes(text.toLowerCase()) ? [n] : [])) : []), [lines, text]);
  const open = hits.length ? new Set([...folded].filter(head => !hits.some(n => lines[n]!.at.startsWith(`${head}\u0000`)))) : folded;
  const shown = unfolded(lines, open).slice(0, MOST);
  useEffect(() => {
    box.current?.querySelector(`[data-n="${hits[hit]}"]`)?.scrollIntoView({ block: "center" });
    if (text) say(`${hits.length} lines hold ${text}`);
  }, [hit, hits]);
  const step = (by: number) => hits.length && setHit((hit + by + hits.length) % hits.length);
  useEffect(() => addKeys([{ keys: ["s"], does: "search in the YAML", run: () => find.current?.focus() }]), []);
  const turn = (at: string) => { const made = new Set(folded); if (!made.delete(at)) made.add(at); setFolded(made); };
  let last = "";
  return (
    <>
      <div class="row tools2">
        <input ref={find} class="inp small" type="search" placeholder="search (s)" aria-label="Search in the YAML" value={text} spellcheck={false} onInput={event => { setText(event.currentTarget.value); setHit(0); }} onKeyDown={event => { if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); } }} />
        {text && <span class="note nowrap">{hits.length ? `${hit + 1} of ${hits.length}` : "not in here"}</span>}
        <span class="grow" />
        <button type="button" class="linklike note" onClick={() => setFolded(folded.size ? new Set() : usuallyFolded(lines))}>{folded.size ? "unfold all" : "fold the usual"}</button>
      </div>
      <div class="yaml" ref={box} tabIndex={0} role="region" aria-label="YAML with the author of each line">
        {shown.map(n => {
          const line = lines[n]!, by = line.below ? undefined : authors.get(line.at);
          const since = by ? Date.parse(by.since) : 0, mark = by ? `${by.by} ${since}` : "", repeated = mark !== "" && mark === last;
          if (by) last = mark;
          const fresh = by && !by.at_or_before && Math.abs(since - changed) < 500, human = by?.by && /^(kubectl|k9s|lens)/.test(by.by);
          const isFolded = line.below > 0 && open.has(line.at);
          return (
            <div key={line.at + n} data-n={n} class={`${fresh ? "hot" : human ? "hum" : ""} ${hits[hit] === n ? "hit" : ""}`}>
              <span class="bl" title={by ? blameTitle(by) : undefined}>{by && !repeated && <><b>{by.by ? visible(shortManager(by.by)) : by.at_or_before ? "" : "?"}</b><time>{by.at_or_before && !by.by ? "before" : stamp(since)}</time></>}</span>
              <span class="no">{n + 1}</span>
              <span>
                {line.below > 0 ? <button type="button" class="fold" aria-expanded={!isFolded} aria-label={`${isFolded ? "Unfold" : "Fold"} ${visible(line.text.trim())}`} onClick={() => turn(line.at)}>{isFolded ? "▸" : "▾"}</button> : <i class="fold" />}
                {line.text.slice(0, line.key[0])}
                {by ? <button type="button" class="key" title="History of this field" onClick={() => onField(by.path)}>{line.text.slice(line.key[0], line.key[1])}</button> : <span class="k">{line.text.slice(line.key[0], line.key[1])}</span>}
                <Hits text={line.text.slice(line.key[1])} of={text} />{isFolded && <span class="mut"> {"{"}{line.below} lines{"}"}</span>}
              </span>
            </div>
          );
        })}
      </div>
      {lines.length > MOST && <p class="note pad">Only the first {MOST} lines are drawn; Download YAML has all.</p>}
    </>
  );
}

const stamp = (t: number): string => (sameDay(t, now.peek(), zone.value) ? hms(t, zone.value) : day(t, zone.value));
const shortManager = (name: string): string => name.replace("kube-controller-manager", "kube-ctl-mgr").replace("kubectl-client-side-apply", "kubectl apply");
const blameTitle = (by: BlamedField): string => `${by.at_or_before ? "at or before" : "since"} ${rfc3339(Date.parse(by.since), zone.peek())} (${duration(now.peek() - Date.parse(by.since))} ago), by ${by.by ?? "unknown"}${by.previous !== null && by.previous !== undefined ? `, was ${visible(JSON.stringify(by.previous)).slice(0, 200)}` : ""}`;

function Hits({ text, of }: { text: string; of: string }) {
  const at = of ? text.toLowerCase().indexOf(of.toLowerCase()) : -1;
  if (at < 0) return <>{text}</>;
  return <>{text.slice(0, at)}<mark>{text.slice(at, at + of.length)}</mark>{text.slice(at + of.length)}</>;
}
export const NoState = ({ children }: { children: string }) => <p class="pad"><SafeText>{children}</SafeText></p>;
