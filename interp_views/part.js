// A further message to a picture, mounted as a component that shows nothing: see mailbox.js.

export default function render({ parentElement: host, data }) {
  const sender = host.hookscopeSender ?? (host.hookscopeSender = { turn: 0 });
  const turn = ++sender.turn;
  if (!sameBytes(sender.data, data)) postPart(sender, data);
  // As with pictures, only the latest call may clean up.
  return () => {
    if (turn !== sender.turn || host.hookscopeSender !== sender) return;
    withdrawPart(sender);
    delete host.hookscopeSender;
  };
}
