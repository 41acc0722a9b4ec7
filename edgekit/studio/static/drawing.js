// A canvas to draw on with the mouse, a finger, a pen or the keyboard, and the picture that a model gets of it.
// samples/drawing_page.html holds a copy: tests/edgekit/studio/test_drawing_page.py compares the two.

const PEN_SHARE = 0.075; // of the longer side
const STEPS = 28; // of the keyboard's cursor along the longer side
const DIGIT_SHARE = 20 / 28; // MNIST scales digits to 20 of 28 pixels

class DrawingBoard {
  constructor(board, cursor, penState, changed) {
    Object.assign(this, { board, cursorCanvas: cursor, penState, changed });
    this.strokes = [];
    this.current = null;
    this.whiteOnBlack = true;
    this.centred = true;
    this.position = { x: board.width / 2, y: board.height / 2 };
    this.keyboard = null;
    this.picture = document.createElement("canvas");
    board.addEventListener("pointerdown", (event) => this.pointerDown(event));
    board.addEventListener("pointermove", (event) => this.pointerMove(event));
    for (const name of ["pointerup", "pointercancel"]) board.addEventListener(name, () => this.pointerUp());
    board.addEventListener("keydown", (event) => this.keyDown(event));
    board.addEventListener("focus", () => this.drawCursor());
    board.addEventListener("blur", () => { this.liftPen(); this.drawCursor(); });
    this.draw();
  }

  resize(width, height) {
    const scale = 280 / Math.max(width, height);
    for (const canvas of [this.board, this.cursorCanvas]) {
      canvas.width = Math.max(1, Math.round(width * scale));
      canvas.height = Math.max(1, Math.round(height * scale));
    }
    this.position = { x: this.board.width / 2, y: this.board.height / 2 };
    this.draw();
  }

  get isEmpty() { return this.strokes.length === 0; }
  get penWidth() { return PEN_SHARE * Math.max(this.board.width, this.board.height); }

  clear() { this.strokes = []; this.current = this.keyboard = null; this.update(); }
  undo() { this.strokes.pop(); this.current = this.keyboard = null; this.update(); }
  update() { this.draw(); this.drawCursor(); this.changed(); }

  point(event) {
    const box = this.board.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) * this.board.width / box.width,
      y: (event.clientY - box.top) * this.board.height / box.height,
    };
  }

  pointerDown(event) {
    if (event.button > 0) return;
    this.board.setPointerCapture(event.pointerId);
    this.current = [this.point(event)];
    this.strokes.push(this.current);
    this.update();
  }

  pointerMove(event) {
    if (!this.current) return;
    this.current.push(this.point(event));
    this.update();
  }

  pointerUp() { this.current = null; }

  keyDown(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) this.moveCursor(moves[event.key]);
    else if (event.key === " ") this.togglePen();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
  }

  moveCursor([right, down]) {
    const step = Math.max(this.board.width, this.board.height) / STEPS;
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    this.position = {
      x: clamp(this.position.x + right * step, this.board.width),
      y: clamp(this.position.y + down * step, this.board.height),
    };
    if (this.keyboard) { this.keyboard.push(this.position); this.update(); } else this.drawCursor();
  }

  togglePen() {
    if (this.keyboard) { this.liftPen(); this.drawCursor(); return; }
    this.keyboard = [this.position];
    this.strokes.push(this.keyboard);
    this.penState.textContent = "Pen down.";
    this.update();
  }

  liftPen() {
    if (this.keyboard) this.penState.textContent = "Pen up.";
    this.keyboard = null;
  }

  drawCursor() {
    const canvas = this.cursorCanvas, context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (document.activeElement !== this.board || !this.board.matches(":focus-visible")) return;
    context.beginPath();
    context.arc(this.position.x, this.position.y, this.penWidth / 2 + 3, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = this.keyboard ? "#ff7a45" : "#4c9aff";
    context.stroke();
  }

  draw() {
    this.paint(this.board, this.strokes);
    const { strokes, scale } = this.centred ? this.centredStrokes() : { strokes: this.strokes, scale: 1 };
    this.paint(this.picture, strokes, scale);
  }

  paint(canvas, strokes, scale = 1) {
    if (canvas !== this.board) { canvas.width = this.board.width; canvas.height = this.board.height; }
    const context = canvas.getContext("2d");
    context.fillStyle = this.whiteOnBlack ? "#000000" : "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = this.whiteOnBlack ? "#ffffff" : "#000000";
    context.lineWidth = this.penWidth * scale;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(stroke[0].x, stroke[0].y);
      for (const point of stroke) context.lineTo(point.x, point.y);
      context.stroke();
    }
  }

  // The longer side of the ink takes 20 of 28 pixels, and its middle goes to the middle.
  centredStrokes() {
    const points = this.strokes.flat();
    if (!points.length) return { strokes: [], scale: 1 };
    const xs = points.map((point) => point.x), ys = points.map((point) => point.y);
    const [left, right] = [Math.min(...xs), Math.max(...xs)], [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const { width, height } = this.board;
    const ink = Math.max(right - left, bottom - top) + this.penWidth;
    const scale = Math.min(DIGIT_SHARE * Math.min(width, height) / ink, 3);
    const strokes = this.strokes.map((stroke) => stroke.map(({ x, y }) => ({
      x: width / 2 + scale * (x - (left + right) / 2),
      y: height / 2 + scale * (y - (top + bottom) / 2),
    })));
    return { strokes, scale };
  }
}

export { DrawingBoard };
