#!/usr/bin/env python3
"""What GPU vendors' compilers make of the kernels, without a GPU: registers, spills, memory, occupancy.

Compiles every program that `list_programs` lists for every target, writes a table, and compares it with the golden one.
What fails: a kernel that does not compile or compiles with a warning, arithmetic in double, more local memory than the
device has, and, if the golden table comes from the same version of the compiler, registers spilled or private memory used
where there were none, or more than before. Fewer waves are only told. A target whose compiler is not there is skipped, and the
reason is told. docs/CONTRIBUTING.md says more.
"""
import argparse
import concurrent.futures
import csv
import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

COLUMNS = ['target', 'file', 'kernel', 'options', 'registers', 'spill', 'private', 'local', 'waves']
KEY = COLUMNS[:4]
SKIPPED = 77  # the exit code of a run that had no compiler at all


class Missing(Exception):
    """Why a target is skipped."""


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    return done.returncode, done.stdout.decode(errors='replace')


def first(patterns):
    found = [path for pattern in patterns for path in glob.glob(pattern)]
    return found[0] if found else None


def clang():
    """The newest clang that has the targets; what comes with Debian 12's ROCm and libclc is of 15."""
    for version in range(25, 14, -1):
        if shutil.which(f'clang-{version}'):
            return f'clang-{version}'
    raise Missing('no clang-15 or later')


def version_of(command):
    text = run(command)[1]
    found = re.search(r'\bV?(\d+\.\d+\.\d+[.\d]*)', text)
    return found.group(1) if found else 'unknown'


FLAGS = ['-x', 'cl', '-cl-std=CL1.2', '-Xclang', '-finclude-default-header', '-O3', '-Wall', '-Wdouble-promotion', '-Werror',
         '-Wno-unused-function', '-Wno-unused-variable', '-Wno-psabi', '-']


class Amd:
    vendor = 'amd'
    local_limit = 64 << 10

    def __init__(self, folder):
        self.clang = clang()
        self.bitcode = first(['/usr/lib/*/amdgcn/bitcode', '/usr/lib/llvm-*/lib/clang/*/amdgcn/bitcode',
                              '/usr/lib/clang/*/amdgcn/bitcode', '/opt/rocm*/amdgcn/bitcode'])
        if not self.bitcode:
            raise Missing('no ROCm device libraries (rocm-device-libs)')
        self.version = 'clang ' + version_of([self.clang, '--version'])
        self.folder = folder

    def library(self, target):
        """The parts that make up the built-in functions for a target. The number of an ISA that these libraries do not know
        yet is one constant."""
        isa = target[3:]
        parts = ['opencl', 'ocml', 'ockl', 'oclc_correctly_rounded_sqrt_off', 'oclc_daz_opt_off', 'oclc_finite_only_off',
                 'oclc_unsafe_math_off', 'oclc_abi_version_400',
                 'oclc_wavefrontsize64_' + ('off' if isa.startswith('1') else 'on')]
        paths = [f'{self.bitcode}/{part}.bc' for part in parts]
        number = f'{self.bitcode}/oclc_isa_version_{isa}.bc'
        if not os.path.exists(number):
            number = f'{self.folder}/isa_{isa}.ll'
            with open(number, 'w', encoding='ascii') as file:
                file.write('target triple = "amdgcn-amd-amdhsa"\n'
                           '@__oclc_ISA_version = linkonce_odr protected local_unnamed_addr addrspace(4) constant '
                           f'i32 {int(isa[:-2]) * 1000 + int(isa[-2]) * 100 + int(isa[-1])}\n')
            subprocess.run([self.clang, '-c', '-emit-llvm', '-target', 'amdgcn-amd-amdhsa', '-nogpulib', '-x', 'ir', number,
                            '-o', number + '.bc'], check=True)
            number += '.bc'
        return [word for path in paths + [number] for word in ('-Xclang', '-mlink-builtin-bitcode', '-Xclang', path)]

    def prepare(self, target):
        return [self.clang, '-target', 'amdgcn-amd-amdhsa', f'-mcpu={target}', '-nogpulib', '-S', '-o', '-',
                *self.library(target), *FLAGS]

    def compile(self, command, target, source, options, scratch):
        code, text = run(command + options, input=source)
        if code != 0:
            return text, {}
        kernels = {}
        for block in re.split(r'(?m)^  - \.a(?:gpr_count|rgs):', text.partition('.amdgpu_metadata')[2])[1:]:
            value = dict(re.findall(r'(?m)^    \.(\w+): +(\S+)', block))
            name = value['name']
            body = re.search(rf'(?s)^{name}:.*?; Occupancy: (\d+)', text, re.M)
            double = re.search(r'\tv_\w+_f64\w*', body.group(0))
            kernels[name] = {'registers': int(value['vgpr_count']),
                             'spill': int(value['vgpr_spill_count']) + int(value['sgpr_spill_count']),
                             'private': int(value['private_segment_fixed_size']),
                             'local': int(value['group_segment_fixed_size']),
                             'waves': int(body.group(1)),
                             'double': double and double.group(0).strip()}
        return '', kernels


class Nvidia:
    vendor = 'nvidia'
    local_limit = 48 << 10

    def __init__(self, folder):
        self.clang = clang()
        self.libclc = first(['/usr/lib/clc/nvptx64--nvidiacl.bc', '/usr/lib/llvm-*/share/clc/nvptx64--nvidiacl.bc'])
        if not self.libclc:
            raise Missing('no libclc for NVIDIA (libclc-15)')
        self.version = 'clang ' + version_of([self.clang, '--version'])
        self.ptxas = shutil.which('ptxas')
        if self.ptxas:
            self.version += ', ptxas ' + version_of([self.ptxas, '--version'])

    def prepare(self, target):
        # One PTX for all: what clang 15 knows best; ptxas makes the difference.
        return [self.clang, '-target', 'nvptx64--nvidiacl', '-Xclang', '-target-cpu', '-Xclang', 'sm_80', '-Xclang',
                '-target-feature', '-Xclang', '+ptx75', '-Xclang', '-mlink-builtin-bitcode', '-Xclang', self.libclc,
                '-S', '-o', '-', *FLAGS]

    def compile(self, command, target, source, options, scratch):
        code, ptx = run(command + options, input=source)
        if code != 0:
            return ptx, {}
        kernels = {}
        for body in re.split(r'(?m)^\.visible \.entry ', ptx)[1:]:
            double = re.search(r'\t(\w+\.\S*f64\S*)', body)
            arrays = re.findall(r'(?m)^\t\.(local|shared) .*\[(\d+)\];', body)
            kernels[body.partition('(')[0]] = {'private': sum(int(n) for space, n in arrays if space == 'local'),
                                               'local': sum(int(n) for space, n in arrays if space == 'shared'),
                                               'double': double and double.group(1)}
        if not self.ptxas:
            return '', kernels
        path = os.path.join(scratch, 'kernel.ptx')
        with open(path, 'w', encoding='ascii') as file:
            file.write(ptx)
        code, text = run([self.ptxas, f'-arch={target}', '-v', path, '-o', path + '.cubin'])
        if code != 0:
            return text, {}
        for block in re.split(r"Compiling entry function '", text)[1:]:
            name = block.partition("'")[0]
            stack, stores, loads = map(int, re.search(
                r'(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads', block).groups())
            local = re.search(r'(\d+) bytes smem', block)
            kernels[name].update(registers=int(re.search(r'Used (\d+) registers', block).group(1)),
                                 spill=stores + loads, private=stack, local=int(local.group(1)) if local else 0)
        return '', kernels


class Intel:
    vendor = 'intel'
    local_limit = 64 << 10
    devices = {'gen9': 'skl', 'gen12': 'tgllp', 'dg2': 'dg2'}

    def __init__(self, folder):
        self.ocloc = shutil.which('ocloc')
        if not self.ocloc:
            raise Missing('no ocloc (intel-opencl-icd)')
        run([self.ocloc, 'query', 'OCL_DRIVER_VERSION'], cwd=folder)  # into a file of that name
        self.version = 'ocloc ' + version_of(['cat', os.path.join(folder, 'OCL_DRIVER_VERSION')])

    def prepare(self, target):
        return self.devices[target]

    def compile(self, device, target, source, options, scratch):
        with open(os.path.join(scratch, 'kernel.cl'), 'wb') as file:
            file.write(source)
        words = ' '.join(['-cl-std=CL1.2', '-Werror'] + options)
        code, text = run([self.ocloc, 'compile', '-file', 'kernel.cl', '-device', device, '-output', 'kernel',
                          '-output_no_suffix', '-options', words, '-internal_options', '-cl-intel-allow-zebin'], cwd=scratch)
        path = os.path.join(scratch, 'kernel')
        if code != 0 or not os.path.exists(path):
            return text or 'ocloc wrote nothing', {}
        with open(path, 'rb') as file:
            info = elf_section(file.read(), b'.ze_info').decode()
        kernels = {}
        for block in re.split(r'(?m)^  - name: +', re.split(r'(?m)^kernels\w*:', info)[1])[1:]:
            value = dict(re.findall(r'(?m)^      (\w+): +(\S+)', block))
            # Some devices have one space for what is spilled and private arrays.
            memory = {usage: int(size) for usage, size in re.findall(r'usage: +(\w+)\n +size: +(\d+)', block)}
            kernels[block.split(None, 1)[0].strip("'\"")] = {
                'registers': int(value['grf_count']), 'spill': memory.get('spill_fill_space', 0),
                'private': memory.get('private_space', 0) + memory.get('single_space', 0), 'local': int(value.get('slm_size', 0)),
                'waves': int(value['simd_size'])}
        return '', kernels


def elf_section(image, wanted):
    """Of a 64-bit ELF file."""
    offset, = struct.unpack_from('<Q', image, 40)
    size, count, names = struct.unpack_from('<HHH', image, 58)
    headers = [struct.unpack_from('<IIQQQQ', image, offset + i * size) for i in range(count)]
    for name, _, _, _, begin, length in headers:
        start = headers[names][4] + name
        if image[start:image.index(b'\0', start)] == wanted:
            return image[begin:begin + length]
    return b''


TARGETS = {**dict.fromkeys(['gfx906', 'gfx90a', 'gfx1030', 'gfx1100'], Amd),
           **dict.fromkeys(['sm_80', 'sm_90'], Nvidia),
           **dict.fromkeys(['gen9', 'gen12', 'dg2'], Intel)}
QUICK_TARGETS = ['gfx90a', 'sm_80']


def read_programs(command, vendors):
    """The listing: launches by (vendor, file, options), and the implementations that are for CPUs."""
    if command.endswith('.txt'):
        with open(command, encoding='utf-8') as file:
            text = file.read()
    else:
        text = subprocess.run([command, *vendors], check=True, stdout=subprocess.PIPE).stdout.decode()
    programs, unused = {}, []
    for line in text.splitlines():
        fields = line.split('\t')
        if fields[0] == '-':
            unused.append('='.join(fields[1:]))
        elif fields[0] in vendors:
            vendor, file, kernel, options, local = fields
            programs.setdefault((vendor, file, options), {})[kernel] = int(local)
    return programs, unused


def one_per_file(programs):
    chosen = {}
    for (vendor, file, options), kernels in programs.items():
        chosen.setdefault((vendor, file), ((vendor, file, options), kernels))
    return dict(chosen.values())


def source_of(folder, name):
    parts = []
    for file in ('common.cl', 'random.cl', name):
        path = os.path.join(folder, file)
        if os.path.exists(path):
            with open(path, 'rb') as text:
                parts += [f'#line 1 "{file}"\n'.encode(), text.read(), b'\n']
    return b''.join(parts)


def compile_one(compiler, prepared, target, folder, program, kernels):
    """Rows of the table, and failures."""
    _, file, options = program
    with tempfile.TemporaryDirectory() as scratch:
        log, found = compiler.compile(prepared, target, source_of(folder, file), options.split(), scratch)
    where = f'{target} {file} {options.strip()}'.rstrip()
    if log:
        return [], [f'{where}: does not compile\n    ' + '\n    '.join(log.strip().splitlines()[:20])]
    rows, failures = [], []
    for kernel, argument_bytes in sorted(kernels.items()):
        if kernel not in found:
            failures.append(f'{where}: there is no kernel {kernel}')
            continue
        values = found[kernel]
        row = {'target': target, 'file': file, 'kernel': kernel, 'options': options.strip(), **values}
        if values.get('local') is not None:
            row['local'] = values['local'] + argument_bytes
            if row['local'] > compiler.local_limit:
                failures.append(f'{where}: {kernel} needs {row["local"]} bytes of local memory, there are '
                                f'{compiler.local_limit}')
        if row.pop('double', None):
            failures.append(f'{where}: {kernel} computes in double: {values["double"]}')
        rows.append({column: row.get(column, '') for column in COLUMNS})
    return rows, failures


def read_table(path):
    versions, rows = {}, {}
    if not os.path.exists(path):
        return versions, rows
    with open(path, newline='', encoding='utf-8') as file:
        lines = file.read().splitlines()
    for line in lines:
        if line.startswith('# '):
            vendor, _, version = line[2:].partition(': ')
            versions[vendor] = version
    for row in csv.DictReader(line for line in lines if not line.startswith('#')):
        rows[tuple(row[column] for column in KEY)] = row
    return versions, rows


def write_table(path, versions, rows):
    with open(path, 'w', newline='', encoding='utf-8') as file:
        for vendor, version in sorted(versions.items()):
            file.write(f'# {vendor}: {version}\n')
        table = csv.DictWriter(file, COLUMNS, lineterminator='\n')
        table.writeheader()
        order = {target: i for i, target in enumerate(TARGETS)}
        table.writerows(sorted(rows, key=lambda r: (order[r['target']], r['file'], r['kernel'], r['options'])))


def compare(rows, golden, same_version):
    """Failures and remarks."""
    failures, remarks = [], []
    for row in rows:
        if not same_version[row['target']]:
            continue
        before = golden.get(tuple(row[column] for column in KEY), {})
        name = f'{row["target"]} {row["file"]} {row["options"]}'.rstrip() + f': {row["kernel"]}'
        for column, words in (('spill', 'spills registers'), ('private', 'uses private memory')):
            now, then = int(row[column] or 0), int(before.get(column) or 0)
            if now > then:
                failures.append(f'{name} {words}: {now}, was {then if before else "not in the table"}')
        if before.get('waves') and int(row['waves']) < int(before['waves']):
            remarks.append(f'{name}: waves or SIMD width {row["waves"]}, was {before["waves"]}')
    return failures, remarks


def find_compilers(targets, folder):
    """By target, and a line for each that is skipped."""
    found, skipped, tried = {}, [], {}
    for target in targets:
        make = TARGETS[target]
        if make not in tried:
            try:
                tried[make] = make(folder)
            except Missing as reason:
                tried[make] = str(reason)
        if isinstance(tried[make], str):
            skipped.append(f'{target}: skipped: {tried[make]}')
        else:
            found[target] = tried[make]
            if make is Nvidia and not tried[make].ptxas:
                skipped.append(f'{target}: PTX only, without registers and spills: no ptxas (CUDA)')
    return found, skipped


def compile_all(arguments, compilers, programs, folder):
    rows, failures = [], []
    prepared = {target: compiler.prepare(target) for target, compiler in compilers.items()}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [pool.submit(compile_one, compiler, prepared[target], target, arguments.kernels, program, kernels)
                for target, compiler in compilers.items()
                for program, kernels in programs.items() if program[0] == compiler.vendor]
        for done, job in enumerate(jobs, 1):
            some_rows, some_failures = job.result()
            rows += some_rows
            failures += some_failures
            if sys.stderr.isatty():
                print(f'\r{done}/{len(jobs)} programs', end='' if done < len(jobs) else '\n', file=sys.stderr, flush=True)
    return rows, failures


def updated(old_versions, golden, compilers, rows):
    """The golden table with the rows of the targets that were compiled replaced."""
    versions = {**old_versions, **{compiler.vendor: compiler.version for compiler in compilers.values()}}
    kept = [row for row in golden.values() if row['target'] not in compilers and row['target'] in TARGETS]
    return versions, kept + rows


def finish(arguments, compilers, rows):
    """Compares with the golden table or rewrites it, writes this run's; failures and remarks."""
    versions, golden = read_table(arguments.golden) if arguments.golden else ({}, {})
    same = {target: versions.get(compiler.vendor, compiler.version) == compiler.version
            for target, compiler in compilers.items()}
    for target, is_same in same.items():
        if not is_same:
            print(f'{target}: compiled with {compilers[target].version}, the table with {versions[compilers[target].vendor]}: '
                  'only errors, double and local memory count')
    now = updated(versions, golden, compilers, rows)
    if arguments.output:
        write_table(arguments.output, *now)
    if arguments.update:
        write_table(arguments.golden, *now)
    return compare(rows, golden, same) if arguments.golden and not arguments.update else ([], [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--programs', required=True, help='the program list_programs, or what it printed (*.txt)')
    parser.add_argument('--kernels', required=True, help='the folder with the kernels')
    parser.add_argument('--golden', help='the table to compare with; without, spills do not count')
    parser.add_argument('--output', help='where to write the table of this run')
    parser.add_argument('--update', action='store_true', help='rewrite the golden table, for the targets that are not skipped')
    parser.add_argument('--quick', action='store_true', help='one program per file, for ' + ' and '.join(QUICK_TARGETS))
    parser.add_argument('--targets', help='some only: ' + ','.join(TARGETS))
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.update and not arguments.golden:
        parser.error('--update needs --golden')
    targets = arguments.targets.split(',') if arguments.targets else QUICK_TARGETS if arguments.quick else list(TARGETS)

    with tempfile.TemporaryDirectory() as folder:
        compilers, skipped = find_compilers(targets, folder)
        print('\n'.join(skipped), end='\n' if skipped else '')
        if not compilers:
            return SKIPPED
        vendors = sorted({compiler.vendor for compiler in compilers.values()})
        programs, unused = read_programs(arguments.programs, vendors)
        if arguments.quick:
            programs = one_per_file(programs)
        rows, failures = compile_all(arguments, compilers, programs, folder)

    more, remarks = finish(arguments, compilers, rows)
    if unused and not arguments.quick:
        print('not launched on GPUs: ' + ', '.join(unused))
    for line in sorted(remarks):
        print('note: ' + line)
    for line in sorted(failures + more):
        print('FAILED: ' + line)
    spilling = sum(1 for row in rows if row['spill'] not in ('', 0))
    print(f'{len(rows)} kernels for {len(compilers)} targets, {spilling} of them spill, {len(failures + more)} failures')
    return 1 if failures + more else 0


if __name__ == '__main__':
    sys.exit(main())
