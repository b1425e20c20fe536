# SPDX-License-Identifier: Apache-2.0
"""The rules of the Trace Event Format that a trace has to keep, to open without a complaint."""
PHASES = {'X', 'M', 'C'}


def nanoseconds(number):
    return round(number * 1000)


def check_event(event):
    """The problem with one event, or None."""
    phase = event.get('ph')
    if phase not in PHASES:
        return 'phase'
    if not isinstance(event.get('pid'), int) or not isinstance(event.get('name'), str):
        return 'pid or name'
    if phase != 'C' and (not isinstance(event.get('tid'), int) or event['tid'] <= 0):
        return 'tid' # 0 is the idle thread to those who read traces
    if phase == 'M':
        named = event['name'] in ('process_name', 'thread_name')
        return None if named and isinstance(event['args'].get('name'), str) else 'metadata'
    if not isinstance(event.get('ts'), (int, float)) or event['ts'] < 0:
        return 'ts'
    if phase == 'X' and (not isinstance(event.get('dur'), (int, float)) or event['dur'] < 0):
        return 'dur'
    if phase == 'C' and not all(isinstance(value, (int, float))
                                for value in event['args'].values()):
        return 'counter'
    return None


def check_track(slices):
    """Slices of one track in the order of the file: by time, each inside of those open or behind
    them, never across their end."""
    open_until = []
    last = -1
    for event in slices:
        began = nanoseconds(event['ts'])
        ended = began + nanoseconds(event['dur'])
        if began < last:
            return f"not in order at {event}"
        last = began
        while open_until and open_until[-1] <= began:
            open_until.pop()
        if open_until and ended > open_until[-1]:
            return f"ends behind its parent: {event}"
        if event['cat'] in ('request', 'device', 'stage') and open_until:
            return f"inside of another: {event}"
        if event['cat'] in ('wait', 'work') and len(open_until) != 1:
            return f"a part without its request: {event}"
        open_until.append(ended)
    return None


def problems(trace):
    found = [f'{check_event(event)}: {event}' for event in trace['traceEvents']
             if check_event(event)][:5]
    if found:
        return found
    owners, tracks, names = {}, {}, set()
    for event in trace['traceEvents']:
        if event['ph'] == 'C':
            continue
        # A number of a track means one track, of one process.
        if owners.setdefault(event['tid'], event['pid']) != event['pid']:
            found.append(f"track {event['tid']} in two processes")
        if event['ph'] == 'M':
            names.add((event['name'], event['pid'],
                       event['tid'] if event['name'] == 'thread_name' else None))
        else:
            tracks.setdefault((event['pid'], event['tid']), []).append(event)
    for (process, track), slices in tracks.items():
        if ('thread_name', process, track) not in names or \
                ('process_name', process, None) not in names:
            found.append(f'track {track} has no name')
        problem = check_track(slices)
        if problem:
            found.append(problem)
    in_flight = [event['args']['value'] for event in trace['traceEvents']
                 if event['ph'] == 'C' and 'in flight' in event['name']]
    if in_flight and (min(in_flight) < 0 or in_flight[-1] != 0):
        found.append('requests that begin and never end')
    counters = {}
    for event in trace['traceEvents']:
        if event['ph'] == 'C':
            if event['ts'] < counters.get(event['name'], 0):
                found.append(f'counter out of order: {event}')
            counters[event['name']] = event['ts']
    return found[:5]
