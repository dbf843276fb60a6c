/** Times and spans as text. Everything in here is milliseconds since 1970; the zone is a parameter. */
export type Zone = "UTC" | "local" | (string & {});

const p = (n: number, width = 2) => String(n).padStart(width, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Minutes east of UTC at that moment. */
export function offsetMinutes(t: number, zone: Zone): number {
  if (zone === "UTC" || !Number.isFinite(t)) return 0;
  if (zone === "local") return -new Date(t).getTimezoneOffset();
  try {
    const parts = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(t);
    const found = /GMT([+-])(\d+):?(\d*)/.exec(parts.find(each => each.type === "timeZoneName")?.value ?? "");
    return found ? (found[1] === "-" ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3] || 0)) : 0;
  } catch {
    return 0; // not a zone that this browser knows
  }
}
const shifted = (t: number, zone: Zone) => new Date(t + offsetMinutes(t, zone) * 60_000);

/** 02:21:37, with milliseconds on request. */
export function hms(t: number, zone: Zone = "UTC", ms = false): string {
  const d = shifted(t, zone);
  return `${p(d.getUTCHours())}:${p(d.getUTCMinutes())}:${p(d.getUTCSeconds())}${ms ? `.${p(d.getUTCMilliseconds(), 3)}` : ""}`;
}
/** 22 Nov, with the year where it is not that of `now`. */
export function day(t: number, zone: Zone = "UTC", now = Date.now()): string {
  const d = shifted(t, zone);
  const year = d.getUTCFullYear() === shifted(now, zone).getUTCFullYear() ? "" : ` ${d.getUTCFullYear()}`;
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()] ?? ""}${year}`;
}
export const sameDay = (a: number, b: number, zone: Zone = "UTC"): boolean => day(a, zone) === day(b, zone);
/** The time alone today, with the day otherwise. */
export const moment = (t: number, zone: Zone = "UTC", now = Date.now(), ms = false): string =>
  (sameDay(t, now, zone) ? "" : `${day(t, zone, now)} `) + hms(t, zone, ms);
/** 2026-11-22T02:21:37.482Z or with the zone's offset: what a command or a link can hold. */
export function rfc3339(t: number, zone: Zone = "UTC"): string {
  const minutes = offsetMinutes(t, zone);
  const text = shifted(t, zone).toISOString().replace(".000Z", "Z");
  if (!minutes) return text;
  const away = Math.abs(minutes);
  return text.replace("Z", `${minutes < 0 ? "-" : "+"}${p(Math.floor(away / 60))}:${p(away % 60)}`);
}
export const zoneName = (zone: Zone): string => (zone === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone);

/** A span: 120 ms, 12 s, 4 min 6 s, 3 h 12 min, 2 d 4 h. */
export function duration(ms: number): string {
  const s = Math.abs(ms) / 1000;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 60) return `${s < 10 && s % 1 ? s.toFixed(1) : Math.round(s)} s`;
  const two = (big: number, name: string, small: number, rest: string) => `${big} ${name}${small ? ` ${small} ${rest}` : ""}`;
  const whole = Math.round(s);
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(s / 60);
  if (minutes < 1440) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
  return two(Math.floor(minutes / 1440), "d", Math.floor((minutes % 1440) / 60), "h");
}
/** 12,345. Not by `toLocaleString`: the first call of a page loads tables for 60 ms. */
export const count = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
/** "1 change", "3 changes". */
export const many = (n: number, one: string, more = `${one}s`): string => `${count(n)} ${n === 1 ? one : more}`;

/**
 * A time as people type it, into milliseconds: now, 2h, now-6h, 14:05, yesterday 14:00, RFC 3339, @1760000000.
 * The server understands more and has the last word; undefined = ask it.
 */
export function instant(text: string, now: number, zone: Zone = "UTC"): number | undefined {
  const t = text.trim().toLowerCase();
  if (t === "" || t === "now") return now;
  const unit: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, min: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
  const ago = /^(?:now\s*-\s*)?((?:\d+(?:\.\d+)?(?:ms|min|[smhdw]))+)(?:\s+ago)?$/.exec(t.replace(/(\d) /g, "$1"));
  if (ago) return now - [...ago[1]!.matchAll(/(\d+(?:\.\d+)?)(ms|min|[smhdw])/g)].reduce((sum, [, n, u]) => sum + Number(n) * unit[u!]!, 0);
  const epoch = /^@(\d+(?:\.\d+)?)$/.exec(t);
  if (epoch) return Number(epoch[1]) * 1000;
  const clock = /^(?:(yesterday|today)\s+)?([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?$/.exec(t);
  if (clock) {
    const shift = offsetMinutes(now, zone) * 6e4;
    const midnight = Math.floor((now + shift) / 864e5) * 864e5 - shift;
    const at = midnight + Number(clock[2]) * 36e5 + Number(clock[3]) * 6e4 + Number(clock[4] ?? 0) * 1e3;
    return clock[1] === "yesterday" ? at - 864e5 : clock[1] || at <= now ? at : at - 864e5;
  }
  if (/^\d{4}-\d\d-\d\d/.test(t)) {
    const zoned = /(z|[+-]\d\d:?\d\d)$/.test(t.slice(10));
    const at = Date.parse(zoned ? text.trim() : `${t.replace(" ", "T")}${t.length === 10 ? "T00:00:00" : ""}Z`);
    return Number.isNaN(at) ? undefined : zoned ? at : at - offsetMinutes(at, zone) * 6e4;
  }
  return undefined;
}
