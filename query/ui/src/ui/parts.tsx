/** Parts that every page shares. They show; none of them asks the server. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refused, Unreachable } from "../api/client";
import type { Actor, Coverage } from "../api/types";
import { feed, following } from "../live";
import { href } from "../state/url";
import { copy, now, zone } from "../state/view";
import { coverageSentence, reasonText, spanText, verdict } from "./coverage";
import { SafeText, visible } from "./safe";
import { shortKind } from "./kinds";
import { duration, hms, moment, rfc3339 } from "./time";

export const Kind = ({ of }: { of: string }) => <span class="kind" title={of}>{visible(shortKind(of))}</span>;

/** An instant: the clock first, its age on request, the whole of it in the title. */
export function Time({ at, age = false, ms = false }: { at: number | string; age?: boolean; ms?: boolean }) {
  const t = typeof at === "string" ? Date.parse(at) : at;
  return (
    <time dateTime={rfc3339(t)} title={`${rfc3339(t, zone.value)}, ${duration(now.value - t)} ago`}>
      {moment(t, zone.value, now.value, ms)}{age && <span class="mut"> {duration(now.value - t)} ago</span>}
    </time>
  );
}

/** Who, as recorded, and how that is known. */
export function actorHow(actor: Actor): string {
  if (actor.source === "audit") return "from the audit log";
  if (actor.source === "managedFields") return actor.confidence === "high" ? "field manager of the changed fields; no audit log, so the person behind it is unknown" : `field manager, ${actor.confidence} confidence`;
  return "no field manager was recorded";
}
export function ActorName({ actor, op }: { actor: Actor; op?: string }) {
  if (!actor.name) return <span class="mut">{op === "delete" ? "unknown: a removal leaves no field manager" : "unknown"}</span>;
  return <b title={actorHow(actor)}><SafeText>{actor.name}</SafeText></b>;
}
/** Field managers behind which a person sits. */
export const isHuman = (actor: Actor): boolean => actor.name.includes("@") || /^(kubectl|k9s|lens|headlamp|openlens|oc)\b/i.test(actor.name);

/** A disclosure that floats closes with Escape, and when the pointer goes down elsewhere. */
export function useClosing(box: { readonly current: HTMLDetailsElement | null }): void {
  useEffect(() => {
    const close = (event: Event) => {
      const inside = event.target instanceof Node && box.current?.contains(event.target);
      if (box.current && (event instanceof KeyboardEvent ? event.key === "Escape" : !inside)) box.current.open = false;
    };
    addEventListener("pointerdown", close);
    addEventListener("keydown", close);
    return () => { removeEventListener("pointerdown", close); removeEventListener("keydown", close); };
  }, []);
}

export function CoverageChip({ coverage, from, to }: { coverage: Coverage; from: number; to: number | undefined }) {
  const found = verdict(coverage, from, to, now.value, zone.value);
  const box = useRef<HTMLDetailsElement>(null);
  useClosing(box);
  const spans = [...coverage.gaps.map(each => [each, false] as const), ...coverage.late.map(each => [each, true] as const)];
  return (
    <details class="pop" ref={box}>
      <summary class={`btn cover ${found.kind === "unknown" ? "gap" : found.kind}`} title="What is known of this range">
        <i aria-hidden="true">{found.kind === "complete" ? "✓" : ""}</i>{found.chip}
      </summary>
      <div class="stack">
        <h2>{found.head}</h2>
        <p>{found.kind === "complete" ? "Every change of every watched kind in this range is here." : coverageSentence(coverage, zone.value)}</p>
        {spans.length > 0 && <ul class="spans">{spans.slice(0, 8).map(([each, late]) => (
          <li key={each.id}><span class={late ? "swatch late" : "swatch"} /><span>{spanText(each, zone.value, late)}: {visible(each.resource || "all kinds")}{each.namespace && ` in ${visible(each.namespace)}`}, {visible(reasonText(each.reason))}.</span></li>
        ))}{spans.length > 8 && <li class="mut">and {spans.length - 8} more</li>}</ul>}
        <p class="note">
          {coverage.watched_since && <>Watching since {moment(Date.parse(coverage.watched_since), zone.value)}. </>}
          {coverage.watermark && <>Everything up to {hms(Date.parse(coverage.watermark), zone.value)} is believed in</>}
          {coverage.confirmed && <>; last byte received {hms(Date.parse(coverage.confirmed), zone.value)}</>}{coverage.watermark && "."}
          {coverage.unwatched.length > 0 && ` ${coverage.unwatched.length} kinds are not watched.`}
        </p>
        <a href={href("coverage")}>All gaps, late spans and kinds</a>
      </div>
    </details>
  );
}

/** A command with a button that copies it. */
export const CopyCommand = ({ children, label = "Copy command" }: { children: string; label?: string }) => (
  <div class="cmd"><code>{visible(children)}</code><button type="button" class="btn" aria-label={label} onClick={() => void copy(children)}>Copy</button></div>
);

export const OldNew = ({ old, fresh }: { old?: string | undefined; fresh?: string | undefined }) => (
  <div class="vals">{old !== undefined && <span class="old">{old}</span>}{fresh !== undefined && <span class="new">{fresh}</span>}</div>
);

/** A native modal dialog: focus is kept inside, Escape closes, focus returns. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    box.current?.showModal();
    return () => box.current?.close();
  }, []);
  return (
    <dialog ref={box} aria-label={title} onClose={onClose} onClick={event => { if (event.target === box.current) onClose(); }}>
      <div class="row"><h1>{title}</h1><span class="grow" /><button type="button" class="btn" onClick={onClose}>Close</button></div>
      {children}
    </dialog>
  );
}

/** A state of a page in words: what is so, and what to do. */
export const State = ({ title, children, actions, hatched = false }: { title: string; children?: ComponentChildren; actions?: ComponentChildren; hatched?: boolean }) => (
  <section class="state" role="status">
    {hatched && <div class="hx" aria-hidden="true"><span>not watched</span></div>}
    <h2>{title}</h2>
    {children && <p class="sec">{children}</p>}
    {actions && <div class="row wrap">{actions}</div>}
  </section>
);
/** Ghost rows, after 300 ms of nothing, with a running sentence. */
export const Loading = ({ children }: { children: ComponentChildren }) => (
  <div class="state"><div class="ghost" aria-hidden="true"><i /><i /><i /><i /></div><p class="note" role="status">{children}</p></div>
);

/** Whatever an answer can fail with. `readAt`: what is still on the page was read then (0 = nothing is). */
export function Failure({ error, readAt = 0, onRetry, actions }: { error: Error; readAt?: number; onRetry?: () => void; actions?: ComponentChildren }) {
  const retry = onRetry && <button type="button" class="btn small main" onClick={onRetry}>Try again</button>;
  if (error instanceof Refused) {
    const { title, detail, hint, did_you_mean: meant } = error.problem;
    return <State title={visible(title)} actions={<>{retry}{actions}</>}>{visible(detail)} {visible(hint ?? "")} {meant?.length ? `Did you mean ${visible(meant.join(", "))}?` : ""}</State>;
  }
  const away = error instanceof Unreachable;
  return (
    <State title={away ? "No answer from the Kubelapse server" : "This answer could not be read"} actions={<>{retry}{actions}</>}>
      {readAt ? `What is on this page was read at ${hms(readAt, zone.value)} and can still be searched and copied. ` : ""}
      {away ? "The link in the address bar stays valid." : visible(error.message)}
    </State>
  );
}
/** The same as a strip above data that is still shown. */
export function FailureStrip({ error, readAt, onRetry }: { error: Error; readAt: number; onRetry: () => void }) {
  const [opened] = useState(Date.now());
  if (error instanceof Unreachable && following() && feed.value.state === "away") return null; // the frame says so already
  const what = error instanceof Refused ? error.problem.detail : error instanceof Unreachable ? error.message : "The answer could not be read.";
  return (
    <div class="strip" role="note">
      <b>{visible(what)}</b><span>{readAt ? `What is here was read at ${hms(readAt, zone.value)}, ${duration(Math.max(0, now.value - readAt))} ago.` : `Since ${hms(opened, zone.value)}.`}</span>
      <button type="button" class="btn small" onClick={onRetry}>Try now</button>
    </div>
  );
}
