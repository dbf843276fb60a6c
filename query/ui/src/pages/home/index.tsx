export default function Page() {
  return <div class="page"><h1>home</h1></div>;
}
