/* Does the work that a form of the clinic asks for (ALTCHA, PBKDF2), on this machine and for nobody else.
   <form data-proof-of-work="https://…/v1/form-token"> has it done from the first touch of the form on; without this
   script, or where the browser cannot, the form goes as it is and waits for a person to look at it. */

const octets = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const hex = (buffer) => Array.from(new Uint8Array(buffer), (octet) => octet.toString(16).padStart(2, "0")).join("");

/** Returns the solution of a challenge, as the field `altcha` takes it. */
export async function solve(challenge) {
  const {algorithm, cost, expiresAt, keyLength, keyPrefix, nonce, salt} = challenge.parameters;
  const [kdf, hash] = algorithm.split("/");
  const how = {name: kdf, hash, salt: octets(salt), iterations: cost};
  const password = new Uint8Array([...octets(nonce), 0, 0, 0, 0]);
  const counted = new DataView(password.buffer);
  for (let counter = 0; Date.now() < expiresAt * 1000; counter += 1) {
    counted.setUint32(password.length - 4, counter);
    const key = await crypto.subtle.importKey("raw", password, kdf, false, ["deriveBits"]);
    const derivedKey = hex(await crypto.subtle.deriveBits(how, key, keyLength * 8));
    if (derivedKey.startsWith(keyPrefix)) {
      return btoa(JSON.stringify({challenge, solution: {counter, derivedKey}}));
    }
  }
  throw new Error("the challenge expired");
}

function attach(form) {
  let work;
  const begin = () => {
    work ??= fetch(form.dataset.proofOfWork)
      .then((answer) => answer.json())
      .then((shown) => (shown.proof_of_work ? solve(shown.proof_of_work) : ""))
      .catch(() => "");
    return work;
  };
  form.addEventListener("focusin", begin, {once: true});
  form.addEventListener("submit", async (event) => {
    if (form.elements.altcha) return;
    event.preventDefault();
    const status = form.querySelector("[role=status]");
    if (status) status.textContent = form.dataset.working ?? "";
    const field = document.createElement("input");
    Object.assign(field, {type: "hidden", name: "altcha", value: await begin()});
    if (!form.elements.altcha) form.append(field);
    field.disabled = field.value === "";
    form.requestSubmit(event.submitter);
  });
}

document.querySelectorAll("form[data-proof-of-work]").forEach(attach);
