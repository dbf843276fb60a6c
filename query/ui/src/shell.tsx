/** The frame around every page: where am I (bar), of what and when and how well known (scope), keys, notices. */
import type { ComponentChildren, ComponentType } from "preact";
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useAnswer } from "./api/use";
import type { ClusterItem, KindItem, NamespaceItem } from "./api/types";
import { feed, following, retryNow } from "./live";
import { addKeys, keyLabel, maps } from "./state/keys";
import { parseFilter, writeFilter } from "./state/filter";
import { go, href, page, param, place } from "./state/url";
import { command, confirm, copy, covered, needEyes, notice, now, said, turnTheme, turnZone, zone } from "./state/view";
import { Brand, FindIcon, Legend, ReaderIcon, ThemeIcon } from "./ui/glyphs";
import { shortKind } from "./ui/kinds";
import { CoverageChip, Dialog, Failure, useClosing } from "./ui/parts";
import { RangeDialog } from "./ui/range";
import { useRefresh } from "./ui/refresh";
import { visible } from "./ui/safe";
import { duration, hms, instant, moment, zoneName } from "./ui/time";
import { leave, partly, shut, who } from "./who";

const PAGES = import.meta.glob<{ default: ComponentType }>("./pages/*/index.tsx");
const NAV: readonly (readonly [string, string])[] = [["home", "Home"], ["timeline", "Timeline"], ["changes", "Changes"], ["compare", "Compare"], ["drift", "Drift"], ["rollouts", "Rollouts"], ["coverage", "Coverage"], ["search", "Search"], ["sql", "SQL"], ["noise", "Noise"]];
/** Of these there are first so many on a phone, then on a narrow desk; the others are behind "More". */
const ON_PHONE = 4, ON_DESK = 5;
const known = (id: string) => PAGES[`./pages/${id}/index.tsx`];
const OPEN = signal<"" | "keys" | "range" | "command">("");

export function Shell() {
  const closed = shut.value || page.value === "signin";
  useEffect(() => addKeys([
    { keys: ["?"], does: "this list", shown: "? Esc", run: () => (OPEN.value = "keys") },
    { keys: ["/"], does: "filter", run: () => { document.querySelector(".scope")?.classList.add("find"); document.querySelector<HTMLInputElement>(".filter")?.focus(); } },
    { keys: ["t"], does: "type a time", run: () => (OPEN.value = "range") },
    { keys: ["l"], does: "live on, off", run: turnLive },
    { keys: ["n"], does: "noise shown, hidden", run: () => go({ noise: param("noise") === "on" ? "off" : "on" }) },
    { keys: ["z"], does: "UTC, local", run: turnZone },
    { keys: ["y"], does: "copy link to this view", run: copyLink },
    { keys: ["c"], does: "copy as command", run: () => (command.value ? void copy(command.value, "Command copied") : confirm("This view has no command")) },
  ]), []);
  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
      <Bar />
      {closed ? null : <><Scope /><Stale /><Part /></>}
      <main id="main" tabIndex={-1}><Current id={closed ? "signin" : page.value} /></main>
      {OPEN.value === "keys" && <KeyHelp onClose={() => (OPEN.value = "")} />}
      {OPEN.value === "range" && <RangeDialog onClose={() => (OPEN.value = "")} />}
      <div class="sr" aria-live="polite" role="status">{said.value}</div>
      {notice.value && <div class="toast" role="status">{notice.value}</div>}
    </>
  );
}

const copyLink = () => void copy(frozenLink(), "Link copied");
/** A link to exactly this: relative times are made absolute, or the colleague sees another hour. */
function frozenLink(): string {
  const t = Date.now();
  const fixed = (key: string) => { const at = instant(param(key), t, zone.value); return at === undefined ? {} : { [key]: new Date(at).toISOString() }; };
  return new URL(href(page.value, { ...fixed("from"), ...fixed("to"), ...(param("at") ? fixed("at") : {}) }), location.href).href;
}
export const turnLive = () => (following() ? go({ live: "off" }, { replace: true }) : go({ live: "on", to: "now" }, { replace: true }));

function Bar() {
  return (
    <header class="bar">
      <a class="brand" href={href("home")}><Brand /><span>Kubelapse</span></a>
      <nav class="nav" aria-label="Pages">
        {NAV.map(([id, name], n) => <NavLink key={id} id={id} name={name} class={n < ON_PHONE ? "" : n < ON_DESK ? "desk" : "wide"} />)}
        <More />
      </nav>
      <span class="grow" />
      {who.value?.user && !shut.value && <Reader />}
      {!shut.value && <button type="button" class="btn plain icon phone" aria-label="Filter" onClick={() => { document.querySelector(".scope")?.classList.toggle("find"); document.querySelector<HTMLInputElement>(".filter")?.focus(); }}><FindIcon /></button>}
      <button type="button" class="btn plain" title="Copy a link to exactly this view (y)" onClick={copyLink}>Copy link</button>
      <button type="button" class="btn plain desk" title={`Times are ${zoneName(zone.value)}; press z to change`} onClick={turnZone}>{zone.value === "UTC" ? "UTC" : "local"}</button>
      <button type="button" class="btn plain icon" aria-label="Light or dark" onClick={turnTheme}><ThemeIcon /></button>
      <button type="button" class="btn plain icon" aria-label="Keyboard help" onClick={() => (OPEN.value = "keys")}>?</button>
    </header>
  );
}

const NavLink = ({ id, name, class: kind }: { id: string; name: string; class: string }) => (
  <a href={href(id)} class={kind} aria-current={id === page.value || (id === "timeline" && page.value === "object") ? "page" : undefined}>
    {name}{id === "home" && needEyes.value > 0 && <span class="n" title={`${needEyes.value} things need eyes`}>{needEyes.value}</span>}
  </a>
);
/** Who is signed in, and the way out. */
function Reader() {
  const box = useRef<HTMLDetailsElement>(null), { user, session, everything } = who.value!;
  useClosing(box);
  return (
    <details class="pop reader" ref={box}>
      <summary class="btn plain" aria-label={`Signed in as ${visible(user)}`} title={`Signed in as ${visible(user)}`}><span class="phone"><ReaderIcon /></span><span class="clip desk">{visible(user)}</span></summary>
      <div class="stack">
        <h2>Signed in as {visible(user)}</h2>
        <p>{everything ? "Nothing is left out: you may read everything." : sight()}</p>
        {session ? <p><button type="button" class="btn" onClick={() => void leave()}>Sign out</button></p> : <p class="note">By what your browser, or a proxy, sends along: there is no session to end here.</p>}
      </div>
    </details>
  );
}
/** What a reader with rights to a part of it sees, and that nothing tells of the rest. */
function sight(): string {
  const places = who.value?.namespaces ?? null, some = (places ?? []).slice(0, 3).map(visible).join(", ");
  if (places && !places.length) return "You may read nothing of what is recorded here. Ask for the right to list it in the cluster.";
  const part = !places ? "what you may list in the cluster" : places.length > 3 ? `${some} and ${places.length - 3} more namespaces` : `${places.length > 1 ? "namespaces" : "namespace"} ${some}`;
  return `You see ${part}. What you may not list is left out of every answer and count.`;
}
const Part = () => partly.value ? <div class="strip quiet part" role="note"><span>{sight()}</span></div> : null;

/** The pages that the bar has no room for; it bears the name of the one that is open. */
function More() {
  const box = useRef<HTMLDetailsElement>(null), here = NAV.findIndex(([id]) => id === page.value);
  useClosing(box);
  useEffect(() => { if (box.current) box.current.open = false; }, [place.value]);
  return (
    <details class={`pop more ${here >= ON_DESK ? "here" : here >= ON_PHONE ? "here-phone" : ""}`} ref={box}>
      <summary>More</summary>
      <div>{NAV.slice(ON_PHONE).map(([id, name], n) => <NavLink key={id} id={id} name={name} class={n < ON_DESK - ON_PHONE ? "phone" : ""} />)}</div>
    </details>
  );
}

function Scope() {
  const again = useRefresh(15_000, 15_000);
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters", {}, again);
  useEffect(() => { recorded.value = clusters.data?.items ?? []; }, [clusters.data]);
  const scope = param("cluster") ? { cluster: param("cluster") } : {};
  const namespaces = useAnswer<{ items: NamespaceItem[] }>("namespaces", scope);
  const kinds = useAnswer<{ items: KindItem[] }>("kinds", scope);
  const spaces = useMemo(() => [...new Set((namespaces.data?.items ?? []).map(each => each.namespace).filter(Boolean))].sort(), [namespaces.data]);
  const sorts = useMemo(() => [...new Set((kinds.data?.items ?? []).filter(each => each.watching === "yes" && each.objects > 0).map(each => (each.group ? `${each.resource}.${each.group}` : each.resource)))].sort(), [kinds.data]);
  const names = (clusters.data?.items ?? []).map(each => each.cluster);
  return (
    <section class="scope" aria-label="Scope and time">
      <div class="join">
        <Choice label="Cluster" all={names.length === 1 ? names[0]! : "all clusters"} value={param("cluster")} options={names.length > 1 ? names : []} onChoose={cluster => go({ cluster, ns: "" })} />
        <Choice label="Namespace" all="all namespaces" value={param("ns")} options={[...spaces, "_"]} show={each => (each === "_" ? "cluster-wide" : each)} onChoose={ns => go({ ns })} />
        <Choice label="Kind" all="all kinds" value={param("kind")} options={sorts} show={each => `${shortKind(each)}  ${each}`} onChoose={kind => go({ kind })} />
      </div>
      <Filter />
      <span class="grow" />
      <div class="join time">
        <button type="button" class="btn range" title="Type a time: 2h, yesterday 14:00, RFC 3339 (t)" onClick={() => (OPEN.value = "range")}><Range /></button>
        <LiveButton />
      </div>
      {covered.value && <CoverageChip {...covered.value} />}
    </section>
  );
}

/** More than this is no list to scroll through: it becomes a field that completes. */
const LISTED = 400;

function Choice({ label, all, value, options, show = visible, onChoose }: { label: string; all: string; value: string; options: readonly string[]; show?: (option: string) => string; onChoose: (value: string) => void }) {
  const listed = value && !options.includes(value) ? [value, ...options] : options;
  if (options.length > LISTED) return (
    <>
      <input class="inp many" list={`all-${label}`} aria-label={label} placeholder={all} value={value} spellcheck={false} onChange={event => onChoose(event.currentTarget.value.trim())} />
      <datalist id={`all-${label}`}>{options.slice(0, 20_000).map(each => <option key={each} value={each}>{visible(show(each))}</option>)}</datalist>
    </>
  );
  return (
    <select class="sel" aria-label={label} value={value} onChange={event => onChoose(event.currentTarget.value)}>
      <option value="">{visible(all)}</option>
      {listed.map(each => <option key={each} value={each}>{visible(show(each))}</option>)}
    </select>
  );
}

function Filter() {
  const written = writeFilter(place.value.params);
  const [text, set] = useState(written);
  const timer = useRef(0);
  useEffect(() => set(written), [written]);
  const apply = (value: string) => { clearTimeout(timer.current); go(parseFilter(value), { replace: true }); };
  return (
    <input class="inp filter grow" type="search" placeholder="name, label, path, manager or /regex/" aria-label="Filter" value={text} spellcheck={false} autocomplete="off"
      onInput={event => { const value = event.currentTarget.value; set(value); clearTimeout(timer.current); timer.current = window.setTimeout(() => apply(value), 350); }}
      onKeyDown={event => { if (event.key === "Enter") apply(event.currentTarget.value); }} />
  );
}

function Range() {
  const t = now.value, z = zone.value;
  const from = instant(param("from"), t, z), to = instant(param("to"), t, z);
  if (param("to") === "now" && /^now-/.test(param("from"))) return <span class="clip">last {from === undefined ? param("from").slice(4) : duration(t - from)}</span>;
  if (from === undefined || to === undefined) return <span class="clip">{visible(param("from"))} – {visible(param("to"))}</span>;
  return <><span class="clip">{moment(from, z, t)} – {param("to") === "now" ? "now" : moment(to, z, t)}</span><span class="mut desk">{duration(to - from)}</span></>;
}

function LiveButton() {
  const on = following(), { state, retryAt } = feed.value;
  const word = !on ? "Live" : state === "away" ? "Away" : state === "connecting" ? "Joining" : "Live";
  const title = !on ? "Follow new changes (l)" : state === "away" ? `No word from the server; trying again in ${duration(Math.max(0, retryAt - now.value))}` : state === "live" ? "Following new changes (l stops)" : "Joining the feed";
  return <button type="button" class={`btn live ${on ? state : ""}`} aria-pressed={on} title={title} onClick={turnLive}>{word}</button>;
}

const recorded = signal<readonly ClusterItem[]>([]);
/** A cluster from which nothing was heard for so long is told of. */
const SILENT = 60_000;

/** Stale never looks fresh: the server is silent, or the recording is behind. */
function Stale() {
  const { state, heard, retryAt } = feed.value;
  const asked = param("cluster").split(",").filter(Boolean);
  const silent = recorded.value.filter(each => each.watermark && now.value - Date.parse(each.watermark) > SILENT && (!asked.length || asked.includes(each.cluster)));
  if (following() && state === "live" && silent.length) return (
    <div class="strip quiet" role="note">{silent.slice(0, 3).map(each => (
      <span key={each.cluster}><b>Last heard from {visible(each.cluster)} at {moment(Date.parse(each.watermark!), zone.value, now.value)}</b>, {duration(now.value - Date.parse(each.watermark!))} ago.</span>
    ))}{silent.length > 3 && <span>And from {silent.length - 3} more.</span>}<span>What happened since is not known.</span></div>
  );
  if (!following() || state !== "away" || !heard) return null; // never heard: the page says what it failed with
  return (
    <div class="strip" role="note">
      <b>Last heard from the server at {hms(heard, zone.value)}</b>
      <span>{duration(Math.max(0, now.value - heard))} ago. Trying again in {duration(Math.max(0, Math.ceil((retryAt - now.value) / 1000) * 1000))}. What is here can still be searched and copied.</span>
      <button type="button" class="btn small" onClick={retryNow}>Try now</button>
    </div>
  );
}

function KeyHelp({ onClose }: { onClose: () => void }) {
  const listed = [...maps.value].reverse().flat();
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <div class="keys">{listed.map(each => (
        <div key={each.does}><span>{each.does}</span><span class="nowrap">{(each.shown ?? each.keys.map(keyLabel).join(" ")).split(" ").map((key, n) => [n ? " " : "", <kbd key={n}>{key}</kbd>])}</span></div>
      ))}</div>
      <h2 class="gap-top">Shapes</h2>
      <Legend />
    </Dialog>
  );
}

/** The page of this name, loaded when it is first wanted. */
function Current({ id }: { id: string }) {
  const [shown, show] = useState<{ id: string; page?: ComponentType; error?: Error }>({ id: "" });
  const [tries, again] = useState(0);
  useEffect(() => {
    let wanted = true;
    covered.value = undefined;
    command.value = "";
    const load = known(id);
    document.title = `${id === "signin" ? "Sign in" : NAV.find(([each]) => each === id)?.[1] ?? id} · Kubelapse`;
    if (!load) show({ id, error: new Error(`There is no page called ${id.slice(0, 80)}.`) });
    else load().then(found => wanted && show({ id, page: found.default }), (error: Error) => wanted && show({ id, error }));
    return () => { wanted = false; };
  }, [id, tries]);
  if (shown.error) return <Centred><Failure error={shown.error} onRetry={() => (known(id) ? location.reload() : again(tries + 1))} actions={<a class="btn small" href={href("home")}>Home</a>} /></Centred>;
  const Page = shown.id === id ? shown.page : undefined;
  return Page ? <Page /> : null;
}
const Centred = ({ children }: { children: ComponentChildren }) => <div class="page">{children}</div>;
