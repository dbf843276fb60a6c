/** Signing in: at the provider of identities, or with a token. It also stands in for any page that the server does not open. */
import "./style.css";
import { useState } from "preact/hooks";
import { page, param } from "../../state/url";
import { SafeText, visible } from "../../ui/safe";
import { enter, who } from "../../who";

const WHY: Readonly<Record<string, string>> = {
  refused: "The identity provider let nobody in, or what it said means nobody here. The server's log says more.",
  expired: "That took longer than ten minutes, or was begun in another window. Begin again.",
  strange: "What the identity provider sent could not be trusted. The server's log says what was wrong with it.",
  unavailable: "The identity provider does not answer. Try again in a few seconds.",
  out: "You are signed out here. The identity provider may still know you.",
};
const PAGE = /^[A-Za-z]{0,40}(\?[!-[\]-~]{0,2000})?$/;

/** The page to go on to, as a relative address; nothing but a page of this interface. */
function onward(): string {
  const wanted = page.peek() === "signin" ? param("next") : (page.peek() === "home" ? "" : page.peek()) + location.search;
  return PAGE.test(wanted) ? wanted : "";
}

export default function SignInPage() {
  const known = who.value, next = onward(), here = page.value === "signin", why = here ? WHY[param("why")] : undefined;
  const plain = location.protocol === "http:" && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);
  if (known && !known.login) return <div class="page signin"><h1>Nobody signs in here</h1><p class="sec">Whoever reaches this server sees everything.</p><p><a class="btn" href={`./${next}`} data-outside>Go on</a></p></div>;
  return (
    <div class="page signin">
      <h1>{here || !known?.user ? "Sign in" : "Your sign-in has ended"}</h1>
      <p class="sec">{here && known?.user ? <>You are signed in as <b><SafeText>{known.user}</SafeText></b>. <a href={`./${next}`} data-outside>Go on</a>, or sign in as somebody else.</> : `You will see the history of what you may read in the cluster.${here ? "" : " This link stays valid."}`}</p>
      {why && <p class="told" role="alert">{why}</p>}
      {plain && <p class="told" role="note">This page came without TLS: the browser will not keep a sign-in. Use its https:// address.</p>}
      {known?.provider && <p><a class="btn main" href={`./auth/login?next=${encodeURIComponent(next)}`} data-outside>Sign in with {visible(known.provider)}</a></p>}
      <Token next={next} alone={!known?.provider} />
    </div>
  );
}

function Token({ next, alone }: { next: string; alone: boolean }) {
  const [token, set] = useState(""), [wrong, fail] = useState(""), [asking, ask] = useState(false);
  const send = async () => {
    ask(true);
    const refused = await enter(token);
    ask(false);
    fail(refused);
    // A new document: nothing that was read for somebody else stays.
    if (refused) return;
    const address = `./${next}`;
    if (new URL(address, location.href).href === location.href) location.reload();
    else location.assign(address);
  };
  return (
    <form class="sheet" onSubmit={event => { event.preventDefault(); if (token && !asking) void send(); }}>
      <h2><label for="token">{alone ? "Token" : "Or with a token"}</label></h2>
      <div class="row"><input class="inp grow" id="token" type="password" autocomplete="off" spellcheck={false} value={token} aria-describedby="about-token" aria-invalid={wrong ? "true" : undefined} onInput={event => set(event.currentTarget.value.trim())} />
        <button type="submit" class={alone ? "btn main" : "btn"} disabled={!token || asking}>{asking ? "Signing in …" : "Sign in"}</button></div>
      {wrong && <p class="wrong" role="alert">{visible(wrong)}</p>}
      <p class="note" id="about-token">Of the cluster (<code>kubectl create token NAME</code>), or one that the operator gave you. The server holds it until you sign out; this page forgets it.</p>
    </form>
  );
}
