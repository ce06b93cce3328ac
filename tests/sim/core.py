"""Builds the simulator and the core that it tests, apart from the rest of the tree."""

import concurrent.futures
import os
import pathlib
import re
import subprocess

root = pathlib.Path(__file__).resolve().parents[2]
sim = root / 'tests/sim'
support = root / 'tests/support'
flags = ['-std=gnu11', '-D_GNU_SOURCE', '-w', '-g', f'-I{root}/include', f'-I{root}/src', f'-I{support}']


def sources():
    """The simulator, what it needs, and the core, as meson.build lists it."""
    core = re.findall(r"'(\w+\.c)'", (root / 'src/meson.build').read_text())
    return sorted(sim.glob('*.c')) + [support / 'wire.c', support / 'heap.c', root / 'backends/host/host.c'] + [
        root / 'src' / name for name in core]


def compile_one(command, source, target):
    subprocess.run([*command, *flags, '-c', str(source), '-o', str(target)], check=True)
    return target


def workers():
    return len(os.sched_getaffinity(0))


def compile_all(command, folder):
    """Objects by their source's path."""
    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(workers()) as pool:
        jobs = {source: pool.submit(compile_one, command, source, folder / f'{source.parent.name}_{source.stem}.o')
                for source in sources()}
        return {source: job.result() for source, job in jobs.items()}


def link(command, objects, program):
    subprocess.run([*command, *map(str, objects), '-lnettle', '-pthread', '-o', str(program)], check=True)
    return program
