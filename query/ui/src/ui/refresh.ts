/** Read again while the reader follows now: soon after changes, and now and then without. Counts up. */
import { useEffect, useState } from "preact/hooks";
import { following, onChanges } from "../live";

export function useRefresh(soon = 3_000, seldom = 30_000): number {
  const [count, set] = useState(0);
  useEffect(() => {
    let timer = 0;
    const read = () => { timer = 0; if (!document.hidden) set(n => n + 1); };
    const come = () => { timer ||= window.setTimeout(read, soon); };
    const stop = onChanges(come, come);
    const slow = window.setInterval(() => { if (following()) read(); }, seldom);
    return () => { stop(); clearTimeout(timer); clearInterval(slow); };
  }, []);
  return count;
}
