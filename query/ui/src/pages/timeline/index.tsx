export default function Page() {
  return <div class="page"><h1>timeline</h1></div>;
}
