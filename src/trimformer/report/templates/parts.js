// What a page carries: its record, and parts that are unpacked when they are asked for.
const record = JSON.parse(document.getElementById("document").textContent);

async function unpack(text, Type) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Type(await new Response(stream).arrayBuffer());
}

// Most parts stand behind the script: the first picture is drawn while the rest is still being parsed.
const parsed = new Promise(resolve => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve, { once: true });
  else resolve();
});

async function part(name, Type) {
  if (!document.getElementById(name)) await parsed;
  return unpack(document.getElementById(name).textContent, Type);
}
