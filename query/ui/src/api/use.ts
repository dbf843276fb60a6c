/** Answers as component state: the newest question wins, old data stays on the page until there is newer. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Params } from "../state/url";
import { ask, isAbort } from "./client";

export interface Answer<T> {
  /** The last answer, also while a newer one is on its way or failed. */
  readonly data: T | undefined;
  readonly error: Error | undefined;
  /** Nothing has come for 300 ms: time to say so. */
  readonly slow: boolean;
  readonly loading: boolean;
  /** Milliseconds since 1970 of the last answer; 0 = none yet. */
  readonly readAt: number;
  /** `data` belongs to an earlier question. */
  readonly outdated: boolean;
  readonly reload: () => void;
}

/** GET `/api/v1/{path}`; asked again whenever path, query or `again` change. An empty path asks nothing. */
export function useAnswer<T>(path: string, query: Params = {}, again: unknown = 0): Answer<T> {
  const key = JSON.stringify([path, query]);
  return useTask<T>(path ? key : "", signal => ask<T>(path, query, signal), again);
}

/** The same for any task. An empty key does nothing; data of another key is kept, and marked as outdated. */
export function useTask<T>(key: string, task: (signal: AbortSignal) => Promise<T>, again: unknown = 0): Answer<T> {
  const [state, set] = useState<{ key: string; data?: T; error?: Error; readAt: number; loading: boolean; slow: boolean }>(
    { key: "", readAt: 0, loading: key !== "", slow: false });
  const [count, bump] = useState(0);
  const latest = useRef(task);
  latest.current = task;
  useEffect(() => {
    if (!key) return;
    const control = new AbortController();
    set(old => ({ ...old, loading: true, slow: false }));
    const timer = setTimeout(() => set(old => ({ ...old, slow: old.loading })), 300);
    latest.current(control.signal)
      .then(data => set({ key, data, readAt: Date.now(), loading: false, slow: false }))
      .catch((error: unknown) => {
        if (!isAbort(error)) set(old => ({ ...old, error: error instanceof Error ? error : new Error(String(error)), loading: false, slow: false }));
      })
      .finally(() => clearTimeout(timer));
    return () => { control.abort(); clearTimeout(timer); };
  }, [key, again, count]);
  return {
    data: state.data, error: state.error, slow: state.slow, loading: state.loading, readAt: state.readAt,
    outdated: state.data !== undefined && state.key !== key, reload: () => bump(n => n + 1),
  };
}
