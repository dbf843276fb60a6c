/** A plain text field with numbered lines. Tab leaves it, as it must; Ctrl+Enter asks. */
import type { Ref } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const LEAST = 7, MOST = 26;

export function Editor({ value, field, onInput, onRun }: { value: string; field: Ref<HTMLTextAreaElement> & { current: HTMLTextAreaElement | null }; onInput: (value: string) => void; onRun: () => void }) {
  const numbers = useRef<HTMLPreElement>(null);
  const lines = value.split("\n").length, rows = Math.min(Math.max(lines, LEAST), MOST);
  const follow = () => { if (numbers.current && field.current) numbers.current.scrollTop = field.current.scrollTop; };
  useLayoutEffect(follow);
  return (
    <div class="editor">
      <pre class="lines" ref={numbers} aria-hidden="true">{Array.from({ length: Math.max(lines, rows) }, (_, n) => (n < lines ? n + 1 : "")).join("\n")}</pre>
      <textarea ref={field} aria-label="Statement" aria-keyshortcuts="Control+Enter" rows={rows} wrap="off" spellcheck={false} autocomplete="off" autocapitalize="off" value={value} placeholder={"SELECT ts, namespace, name, actor_name\nFROM changes\nWHERE op = 'delete'\nORDER BY ts DESC"}
        onScroll={follow} onInput={event => onInput(event.currentTarget.value)}
        onKeyDown={event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); onRun(); } }} />
    </div>
  );
}

/** Text in place of what is selected; the field keeps its own way back (Ctrl+Z). */
export function insert(field: HTMLTextAreaElement | null, text: string): void {
  if (!field) return;
  field.focus();
  const before = field.value.slice(0, field.selectionStart), gap = /[\w)]$/.test(before) ? " " : "";
  field.setRangeText(gap + text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
