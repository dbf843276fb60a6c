/** Text that came from a cluster. Always text nodes; characters that steer how text is shown are shown themselves. */
// eslint-disable-next-line no-control-regex
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

/** The same text with control, invisible and direction characters spelled out: `⟨U+202E⟩`. */
export const visible = (text: string): string =>
  text.replace(STEERING, char => `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

/** Text from a cluster; right-to-left names do not turn what stands around them. */
export const SafeText = ({ children, class: name }: { children: string; class?: string }) => <bdi class={name}>{visible(children)}</bdi>;

/** A link only where it leads to http or https; anything else stays text. */
export function SafeLink({ href, children }: { href: string; children?: string }) {
  const url = URL.canParse(href) ? new URL(href) : undefined;
  const text = visible(children ?? href);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) return <bdi>{text}</bdi>;
  return <a href={url.href} rel="noopener noreferrer nofollow" target="_blank" data-outside="">{text}</a>;
}

/** A value of a field in one line: text as it is, everything else as JSON. */
export const inline = (value: unknown): string => (value === undefined ? "" : visible(typeof value === "string" ? value : JSON.stringify(value)));

/** A field path that may break behind dots and slashes; list keys are dimmed. */
export function Path({ children }: { children: string }) {
  return (
    <span class="path">
      {visible(children).split(/(\[[^\]]*\])/).map((part, n) => part.startsWith("[") ? <em key={n}>{part}</em>
        : part.split(/(?<=[./])/).map((bit, m) => [m ? <wbr key={`${n}.${m}`} /> : null, bit]))}
    </span>
  );
}
