export default function Page() {
  return <div class="page"><h1>coverage</h1></div>;
}
