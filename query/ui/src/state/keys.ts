/** One keyboard map for all pages. A page adds its keys while it is shown; `?` lists what is there. */
import { signal } from "@preact/signals";

export interface Key {
  /** As `KeyboardEvent.key`; with "Shift+" in front where the shift key matters for a named key. */
  readonly keys: readonly string[];
  readonly does: string;
  /** In the list, where `keys` would not read well. */
  readonly shown?: string;
  readonly run: (key: string, event: KeyboardEvent) => void;
}

export const maps = signal<readonly (readonly Key[])[]>([]);
export function addKeys(keys: readonly Key[]): () => void {
  maps.value = [...maps.value, keys];
  return () => { maps.value = maps.value.filter(each => each !== keys); };
}

const NAMED: Readonly<Record<string, string>> = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
export const keyLabel = (key: string): string => key.split("+").map((part, n, all) => (part === "" && n === all.length - 1 ? "+" : NAMED[part] ?? part)).join(" ").trim() || "+";

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));

export function listenKeys(): void {
  addEventListener("keydown", event => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (typing(event.target)) {
      if (event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    // Enter and space belong to the control that has the focus.
    if ((event.key === "Enter" || event.key === " ") && event.target instanceof Element && event.target.closest("a,button,summary,[role=tab]")) return;
    const name = event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
    for (const map of [...maps.value].reverse()) {
      const found = map.find(each => each.keys.includes(name));
      if (!found) continue;
      event.preventDefault();
      found.run(name, event);
      return;
    }
  });
}
