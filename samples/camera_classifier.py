"""Say what a camera sees: ``python camera_classifier.py [--public-key KEY] model.tflite [SOURCE]``.

Without SOURCE: the Raspberry Pi's camera where picamera2 is installed, else the first camera that OpenCV finds.
SOURCE is a number of an OpenCV camera, a video or a stream that OpenCV reads, or a folder of images.
"""

import argparse
import sys
from pathlib import Path

import edgekit_runtime
from edgekit_runtime.printable_text import one_line

LEAST_SCORE = 0.6
SIZE = (640, 480)


def frames_of_picamera():
    """RGB arrays (480, 640, 3) from the Pi's camera. ImportError where there is no picamera2."""
    from picamera2 import Picamera2

    camera = Picamera2()
    # picamera2 names formats by the bytes of a word: "BGR888" is an array of red, green, blue.
    camera.configure(camera.create_video_configuration(main={"size": SIZE, "format": "BGR888"}))
    camera.start()
    try:
        while True:
            yield camera.capture_array("main")
    finally:
        camera.stop()


def frames_of_opencv(source):
    """RGB arrays from a camera, a video or a stream, until it ends."""
    import cv2

    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise SystemExit(f"OpenCV cannot open {source}.")
    while True:
        is_there, frame = capture.read()
        if not is_there:
            return
        yield frame[:, :, ::-1]


def frames(source):
    """Frames of what the user named, or of the first camera there is."""
    if source is None:
        try:
            import picamera2  # noqa: F401
        except ImportError:
            return frames_of_opencv(0)
        return frames_of_picamera()
    if Path(source).is_dir():
        images = (path for path in sorted(Path(source).iterdir()) if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        return (path for path in images if path.is_file())
    return frames_of_opencv(int(source) if source.isascii() and source.isdigit() and len(source) < 4 else source)


def main():
    """Print a line whenever the answer changes."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("model")
    parser.add_argument("source", nargs="?")
    parser.add_argument("--public-key", help="PEM file of the key that the model has to be signed with")
    options = parser.parse_args()
    model = edgekit_runtime.load(options.model, public_key=options.public_key)
    said = None
    for frame in frames(options.source):
        answer = model.classify(frame)[0]
        label = one_line(answer.label) if answer.score >= LEAST_SCORE else "(not sure)"
        if label != said:
            print(f"{label} {answer.score:.0%}", flush=True)
            said = label


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except ImportError as error:
        sys.exit(f"{error}: install picamera2 (on a Pi: apt install python3-picamera2) or opencv-python-headless.")
