/** Noise: what is hidden and by which rule, what a rule would do before it stands, and which ones would be worth having. */
import "./style.css";
import { useEffect, useState } from "preact/hooks";
import type { ClusterItem } from "../../api/types";
import { useAnswer } from "../../api/use";
import { go, href, param, windowQuery } from "../../state/url";
import { command, copy, covered, now, zone } from "../../state/view";
import { verdict } from "../../ui/coverage";
import { shellWord } from "../../ui/kinds";
import { CopyCommand, Failure, FailureStrip, Kind, Loading, State } from "../../ui/parts";
import { useRefresh } from "../../ui/refresh";
import { Path, SafeText, visible } from "../../ui/safe";
import { count, hms, many, moment } from "../../ui/time";
import { Unwatched } from "../../ui/unwatched";
import { aboutClass, type HiddenBy, type Noise, settings, share, standing, triedOut, type Suggestion } from "./model";

export default function NoisePage() {
  const again = useRefresh(15_000, 60_000), tried = param("rule"), asked = { ...windowQuery(), noise: "" };
  const answer = useAnswer<Noise>("noise", { ...asked, rule: tried }, again);
  // Measuring churn reads more: the counts do not wait for it, and it is read once a view.
  const proposed = useAnswer<Noise>("noise", { ...asked, suggest: "on" });
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters");
  const { data } = answer;
  useEffect(() => { if (data) covered.value = { coverage: data.coverage, from: Date.parse(data.from), to: param("to") === "now" ? undefined : Date.parse(data.to) }; }, [data]);
  useEffect(() => { command.value = ["kubelapse noise", tried ? `--rule ${shellWord(tried)}` : "suggest", `--from ${shellWord(param("from"))}`, ...(param("to") === "now" ? [] : [`--to ${shellWord(param("to"))}`]), param("ns") ? `-n ${shellWord(param("ns"))}` : "-A"].join(" "); }, [JSON.stringify(asked), tried]);
  return (
    <>
      {answer.error && data && <FailureStrip error={answer.error} readAt={answer.readAt} onRetry={answer.reload} />}
      <div class={`page noise ${answer.outdated ? "outdated" : ""}`}>
        <div class="head"><h1>Noise</h1>{data && <span class="mut">{moment(Date.parse(data.from), zone.value, now.value)} – {hms(Date.parse(data.to), zone.value)}</span>}<span class="grow" />
          <button type="button" class="btn desk" onClick={() => void copy(command.value, "Command copied")}>Copy as command</button></div>
        {data ? <Found of={data} stand={standing(proposed.data)} tried={answer.outdated ? "" : tried} clusters={clusters.data?.items ?? []} /> : answer.error ? <section class="sheet"><Failure error={answer.error} onRetry={() => { answer.reload(); proposed.reload(); }} actions={tried ? <button type="button" class="btn small" onClick={() => go({ rule: "" })}>Without the rule {visible(tried)}</button> : undefined} /></section> : answer.slow ? <section class="sheet"><Loading>Counting what is hidden …</Loading></section> : null}
        {data && data.changes > 0 && <Proposed of={proposed.data} error={proposed.error} reload={proposed.reload} slow={proposed.slow} stand={standing(proposed.data) ?? []} />}
      </div>
    </>
  );
}

function Found({ of, stand, tried, clusters }: { of: Noise; stand: string[] | undefined; tried: string; clusters: readonly ClusterItem[] }) {
  const end = Date.parse(of.to), mine = tried ? triedOut(of, stand) : undefined;
  if (!of.changes && verdict(of.coverage, Date.parse(of.from), end, now.peek(), zone.value).kind === "unknown") return <section class="sheet"><Unwatched clusters={clusters} /></section>;
  return (
    <>
      <section class="sheet figs three" aria-label="Summary">
        <div><b>{count(of.changes)}</b><span class="mut">{of.changes === 1 ? "change" : "changes"} in this range and scope, first sights left out</span></div>
        <div><b>{count(of.hidden.noise)}</b><span class="mut">hidden as noise, {share(of.hidden.noise, of.changes)} %</span></div>
        <div><b>{count(of.changes - of.hidden.noise)}</b><span class="mut">shown. <a href={href("changes", { noise: "off" })}>All changes, noise too</a></span></div>
      </section>
      <section class="sheet" aria-label="Rules"><header class="wrap"><h2>What hides</h2><span class="mut">recorded always, hidden only in answers; a change may be hidden by several</span></header>
        {of.rules.length === 0 ? <State title="Nothing was hidden">No change of this range is noise by any rule that stands.</State> : (
          <table><thead><tr><th scope="col">Rule</th><th scope="col" class="src">From</th><th scope="col" class="num">Changes</th><th scope="col" class="num">Objects</th><th scope="col" class="shr">Share</th><th scope="col" class="act"><span class="sr">What can be done</span></th></tr></thead>
            <tbody>{of.rules.map(each => <Rule key={each.source + each.rule} of={each} all={of.changes} tried={each === mine} stand={stand ?? []} />)}</tbody></table>)}
        <Try tried={tried} />
        {tried && stand && (!mine || !mine.changes) && <p class="note pad"><span class="mono">{visible(tried)}</span> {mine || !stand.includes(tried) ? "hides nothing of this range and scope." : "stands in the settings already."}</p>}</section>
      {mine && <section class="sheet made" aria-label="The tried rule"><header><h2>Make <span class="mono">{visible(mine.rule)}</span> a rule</h2></header><Make rules={[...(stand ?? []), mine.rule]} /></section>}
    </>
  );
}

function Rule({ of, all, tried, stand }: { of: HiddenBy; all: number; tried: boolean; stand: readonly string[] }) {
  const [open, set] = useState(false), recorded = of.source === "recorded";
  return (
    <>
      <tr class={tried ? "chosen" : ""}><td><span class="mono"><SafeText>{of.rule}</SafeText></span>{recorded && aboutClass(of.rule) && <div class="note">{aboutClass(of.rule)}</div>}</td><td class="src">{tried ? <b>tried out</b> : recorded ? "the recorder" : "the settings"}</td><td class="num">{count(of.changes)}</td><td class="num">{count(of.objects)}</td>
        <td class="shr"><div class="barh" role="img" aria-label={`${share(of.changes, all)} percent of all changes`}><i style={{ width: `${share(of.changes, all)}%` }} /></div></td>
        <td class="act">{!tried && <button type="button" class="btn small" aria-expanded={open} onClick={() => set(!open)}>{recorded ? "Show these" : "Remove"}</button>}</td></tr>
      {open && <tr class="how"><td colSpan={6}>{recorded ? <Make rules={[...stand, `show ${of.rule}`]} /> : <Make rules={stand.filter(each => each !== of.rule)} />}</td></tr>}
    </>
  );
}

/** Settings are the operator's: the page says what to write, it does not write it. */
function Make({ rules }: { rules: readonly string[] }) {
  if (!rules.length) return <p class="note pad">It is the only rule of the settings: take <span class="mono">noise</span> out of them. Rules act on all of history as soon as the server is started anew.</p>;
  return <div class="stack how-to">{settings(rules).map(each => <div key={each.how} class="stack tight"><span class="note">{each.how}</span><CopyCommand label={`Copy for use ${each.how}`}>{each.text}</CopyCommand></div>)}<p class="note">These are all the rules that are to stand. They act on all of history as soon as the server is started anew; nothing that was recorded is changed.</p></div>;
}

function Try({ tried }: { tried: string }) {
  return (
    <form class="row wrap try" aria-label="Try a rule out" key={tried} onSubmit={event => { event.preventDefault(); go({ rule: String(new FormData(event.currentTarget).get("rule") ?? "").trim() }); }}>
      <label class="row grow"><span class="nowrap">Try a rule out</span><input class="inp grow mono" name="rule" defaultValue={tried} spellcheck={false} autocomplete="off" placeholder="pods status.** kubelet" /></label>
      <button type="submit" class="btn">Try</button>{tried && <button type="button" class="btn plain" onClick={() => go({ rule: "" })}>Without it</button>}
      <span class="note"><span class="mono">KIND PATH [MANAGER]</span>, with <span class="mono">*</span>. Only changes all of whose places are covered are hidden.</span>
    </form>
  );
}

function Proposed({ of, error, reload, slow, stand }: { of: Noise | undefined; error: Error | undefined; reload: () => void; slow: boolean; stand: readonly string[] }) {
  if (!of) return error ? <section class="sheet"><Failure error={error} onRetry={reload} /></section> : slow ? <section class="sheet"><Loading>Measuring what is written all the time …</Loading></section> : null;
  const last = of.suggestions.at(-1);
  return (
    <section class="sheet" aria-label="Suggestions"><header class="wrap"><h2>Worth a rule</h2><span class="mut">{last ? `places that are written all the time; all ${many(of.suggestions.length, "rule")} together would hide ${count(last.hides_with_all)} of ${count(of.changes - of.hidden.noise)}` : "places that are written all the time"}</span></header>
      {of.suggestions.length === 0 ? <State title="Nothing is written all the time">No place in this range and scope changes so often that a rule would be worth having.</State> : (
        <table><thead><tr><th scope="col">Place</th><th scope="col" class="num">An hour</th><th scope="col" class="num">Writes</th><th scope="col" class="num">Objects</th><th scope="col" class="num">Would hide</th><th scope="col" class="act"><span class="sr">What can be done</span></th></tr></thead>
          <tbody>{of.suggestions.map(each => <Proposal key={each.rule} of={each} stand={stand} />)}</tbody></table>)}
    </section>
  );
}
function Proposal({ of, stand }: { of: Suggestion; stand: readonly string[] }) {
  const [open, set] = useState(false);
  return (
    <>
      <tr><td><Kind of={of.kind} /> <Path>{of.path}</Path>{of.manager && <span class="mut"> by <SafeText>{of.manager}</SafeText></span>}<div class="note">{visible(of.why)}</div></td><td class="num">{of.per_hour >= 10 ? count(Math.round(of.per_hour)) : of.per_hour.toFixed(1)}</td><td class="num">{count(of.writes)}</td><td class="num">{count(of.objects)}</td><td class="num">{count(of.hides)}</td>
        <td class="act"><div class="row"><button type="button" class="btn small" onClick={() => { go({ rule: of.rule }); window.scrollTo(0, 0); }}>Try</button><button type="button" class="btn small" aria-expanded={open} onClick={() => set(!open)}>Make a rule</button></div></td></tr>
      {open && <tr class="how"><td colSpan={6}><Make rules={[...stand, of.rule]} /></td></tr>}
    </>
  );
}
